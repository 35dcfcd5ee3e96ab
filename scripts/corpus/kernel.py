"""The kernel: its boot messages, and file systems, programs and memory limits that fail."""

from corpus.lab import Lab, Service

FINE, SERIOUS = "info,notice,debug", "emerg,alert,crit,err"


UNFIT = "segfault|error|fail|corrupt|oom|ommand line|Linux version"


def kernel(lab: Lab) -> None:
    """The ring buffer without its levels, then file systems and programs made to fail."""
    for flags in ("", "-T", "-x --time-format iso"):
        with lab.healthy():
            lab.run(
                "sh",
                "-c",
                f"dmesg {flags} -l {FINE} | grep -Eiv '{UNFIT}'",
            )
        with lab.fault("kernel-error"):
            lab.run("sh", "-c", f"dmesg {flags} -l {SERIOUS}")
    _loops(lab)
    for make, place in (
        ("mkfs.ext4 -qF", 1 << 20),
        ("mkfs.xfs -qf", 1 << 12),
        ("mkfs.btrfs -qf", 0),
    ):
        mounting = "mount -o loop d.img m && cp -r /etc/init.d m; cat m/init.d/* >/dev/null; "
        mounting += "sync; umount m"
        with lab.healthy():
            _since(lab, f"truncate -s 320M d.img; {make} d.img >/dev/null; mkdir -p m; {mounting}")
        with lab.fault("damaged-disk"):
            damage = f"dd if=/dev/urandom of=d.img bs=4k seek={place >> 12} count=4000 conv=notrunc"
            _since(
                lab,
                f"{damage} 2>/dev/null; {mounting}; mount -o loop,ro d.img m; ls -R m; umount m",
            )
            _since(
                lab,
                "truncate -s 0 d.img; mount -t ext4 -o loop d.img m; mount -t xfs -o loop d.img m",
            )
    with lab.fault("crash"):
        lab.write("c.py", "import ctypes, sys; ctypes.string_at(int(sys.argv[1]))\n")
        _since(
            lab,
            "echo 1 >/proc/sys/kernel/print-fatal-signals; for a in 0 1 99 123456789; do "
            "python3 c.py $a; done; echo 0 >/proc/sys/kernel/print-fatal-signals",
        )
    with lab.fault("out-of-memory"):
        group = "/sys/fs/cgroup/memory/lab"
        _since(
            lab,
            f"mkdir {group} && echo 9M >{group}/memory.limit_in_bytes; (echo $BASHPID "
            f">{group}/cgroup.procs; exec python3 -c 'x = bytearray(1 << 28)'); rmdir {group}",
        )
    with lab.healthy():
        _since(
            lab,
            "ip link add v0 type veth peer name v1; ip link add b0 type bridge; "
            "ip link set v0 master b0; ip link set v0 up; ip link set v1 up; ip link set b0 up; "
            "sleep 2; ip link set v0 promisc on; ip link del v0; ip link del b0; "
            "ip tuntap add t0 mode tun; ip link set t0 up; ip link del t0",
        )


def _loops(lab: Lab) -> None:
    """Loop devices, which the lab's small /dev doesn't have."""
    for number in range(8):
        lab.run("mknod", f"/dev/loop{number}", "b", "7", str(number), keep=False)
    lab.run("mknod", "/dev/loop-control", "c", "10", "237", keep=False)


def _since(lab: Lab, script: str) -> None:
    """Run a script quietly, then print what the kernel logged meanwhile, in two layouts."""
    before = "s=$(dmesg | wc -l)"
    after = (
        "sleep 0.3; for f in '' '-T -x'; do dmesg $f | tail -n +$((s+1)) | grep -v throttl; done"
    )
    lab.run("bash", "-c", f"{before}; {{ {script}; }} >/dev/null 2>&1; {after}", timeout=20)


SERVICES = (Service("kernel", ("util-linux", "e2fsprogs", "xfsprogs", "btrfs-progs"), kernel, 75),)
