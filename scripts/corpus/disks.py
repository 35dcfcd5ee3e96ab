"""Disks: file systems and their repair, volumes, RAID, SMART."""

import shutil

from corpus.lab import Lab, Service

MAKERS = (
    (
        ("mkfs.ext4", "-F"),
        ("e2fsck", "-fyv"),
        ("e2fsck", "-fn"),
        ("dumpe2fs", "-h"),
        ("tune2fs", "-l"),
    ),
    (
        ("mkfs.xfs", "-f"),
        ("xfs_repair", "-n"),
        ("xfs_repair", "-v"),
        ("xfs_db", "-r", "-c", "check"),
    ),
    (
        ("mkfs.btrfs", "-f"),
        ("btrfs", "check", "--force"),
        ("btrfs", "inspect-internal", "dump-super"),
    ),
)
DAMAGE = ((1024, 900), (5_000_000, 90_000), (65536, 4096), (1 << 20, 1 << 21), (36 << 20, 3 << 20))


def disks(lab: Lab) -> None:
    """File systems, volumes, RAID and SMART tools on healthy, damaged and missing devices."""
    image = lab.dir / "disk.img"
    lab.write("tree/a/file", "x" * 90_000)
    shutil.copytree("/etc", lab.dir / "tree/etc", symlinks=True, ignore_dangling_symlinks=True)
    for make, *checks in MAKERS:
        fill = {"mkfs.ext4": ("-d", "tree"), "mkfs.btrfs": ("--rootdir", "tree")}.get(make[0], ())
        with lab.healthy():
            image.write_bytes(b"")
            with image.open("r+b") as file:
                file.truncate(320 << 20)
            for words in (make, (*make, *fill)):
                lab.run(*words, image)
            for check in checks:
                lab.run(*check, image, timeout=8)
            for words in (("blkid", "-p", image), ("file", image), ("wipefs", image)):
                lab.run(*words)
        with lab.fault("damaged-disk"):
            for place, size in DAMAGE:
                lab.run(*make, *fill, image, keep=False)
                with image.open("r+b") as file:
                    file.seek(place)
                    file.write(lab.rng.randbytes(size))
                for check in checks:
                    lab.run(*check, image, timeout=8)
    with lab.fault("missing-device"):
        for line in (
            *("mkfs.ext4 /none", "mkfs.ext4 -b 3 /dev/null", "resize2fs /none", "umount /none"),
            *("mount /dev/none /mnt", "mount -t nofs none /mnt", "swapon disk.img"),
            *("mdadm --examine disk.img", "mdadm --assemble --scan -v", "mdadm --detail /dev/md0"),
            *("mdadm --create /dev/md0 -l1 -n2 disk.img disk.img", "smartctl -a /dev/sda"),
            *(
                "smartctl -t x /dev/null",
                "cryptsetup open disk.img x",
                "dmsetup table",
                "xfs_info /none",
            ),
            *("btrfs device stats /none", "btrfs scrub start /none", "vgs -vv none", "lvs none/x"),
            *("pvcreate -vv /none", "vgcreate -vv v /none", "vgchange -ay -vv none", "vgck -vv x"),
            *(
                "vgcfgrestore -v none",
                "multipath -v3 -ll",
                "iscsiadm -m session",
                "iscsiadm -m discovery -t st -p 127.0.0.1:9",
            ),
        ):
            lab.run(*line.split(), timeout=5)
        rules = lab.write("smartd.conf", "/dev/sda -a\nDEVICESCAN -x\n/dev/none -H -m root\n")
        lab.run("smartd", "-d", "-q", "onecheck", "-c", rules, timeout=4)
    with lab.healthy():
        for line in ("pvs -v", "vgs -v", "lvs -v", "pvscan -v", "lvmconfig --type default log"):
            lab.run(*line.split(), timeout=5)
        lab.run("badblocks", "-sv", image, "2000", timeout=5)


SERVICES = (
    Service(
        "disks",
        ("e2fsprogs", "xfsprogs", "btrfs-progs", "lvm2", "mdadm", "smartmontools"),
        disks,
        90,
    ),
)
