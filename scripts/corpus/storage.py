"""Storage: the daemons of distributed stores and of network shares."""

from corpus.hosts import PLAIN
from corpus.hpc import lan
from corpus.lab import Lab, Service

CEPH = (
    "[global]\nfsid = 7d5c8f70-0e4a-4d0e-9c0e-1a2b3c4d5e6f\nmon host = 127.0.0.1:6789\n"
    "mon initial members = a\nauth cluster required = none\nauth service required = none\n"
    "auth client required = none\nosd pool default size = 1\nosd crush chooseleaf type = 0\n"
    "public network = 127.0.0.0/8\nrun dir = /srv/app/run\nlog file = /srv/app/log/$name.log\n"
    "admin socket = /srv/app/run/$name.asok\npid file = /srv/app/run/$name.pid\n"
    "mon data = /srv/app/mon\nosd data = /srv/app/osd\nosd objectstore = bluestore\n"
    "bluestore block size = 1073741824\nosd heartbeat grace = 3\nmon osd down out interval = 3\n"
    "mon allow pool size one = true\nms bind msgr2 = false\n"
    "mon warn on pool no redundancy = false\n"
    "debug mon = %d\ndebug osd = %d\ndebug ms = 0\nmon data avail crit = 1\n"
    "mon data avail warn = 2\n"
)


def ceph(lab: Lab) -> None:
    """A Ceph monitor and a disk daemon: objects stored; a killed peer, damaged stores."""
    for name in ("run", "log", "mon", "osd"):
        lab.folder(name)
    lab.collect("/srv/app/log/*.log")
    conf = str(lab.write("ceph.conf", CEPH % (1, 1)))
    args = ("-c", conf)
    uuid = "11111111-2222-4333-8444-555555555555"
    with lab.healthy():
        lab.run(
            "monmaptool",
            "--create",
            "--addv",
            "a",
            "[v1:127.0.0.1:6789]",
            "--fsid",
            "7d5c8f70-0e4a-4d0e-9c0e-1a2b3c4d5e6f",
            lab.dir / "map",
        )
        lab.run("ceph-mon", *args, "--mkfs", "-i", "a", "--monmap", lab.dir / "map")
        mon = lab.start("ceph-mon", *args, "-f", "-i", "a")
        lab.listening(6789)
        for words in (
            ("osd", "new", uuid),
            ("-s",),
            ("osd", "crush", "add", "osd.0", "1", "root=default"),
        ):
            lab.run("ceph", *args, *words, timeout=8)
        lab.run("ceph-osd", *args, "-i", "0", "--mkfs", "--osd-uuid", uuid, timeout=15)
        osd = lab.start("ceph-osd", *args, "-f", "-i", "0")
        lab.pause(4)
        lab.run("ceph", *args, "osd", "pool", "create", "data", "8", timeout=8)
        for order in (
            ("put", "a", "/etc/services"),
            ("ls",),
            ("get", "a", "/dev/null"),
            ("rm", "a"),
        ):
            lab.run("rados", *args, "-p", "data", *order, timeout=6)
        for order in (("health",), ("osd", "tree"), ("df",), ("tell", "osd.0", "version")):
            lab.run("ceph", *args, *order, timeout=6)
        for key in ("debug_mon", "debug_osd"):
            lab.run("ceph", *args, "tell", "mon.a", "config", "set", key, "5", timeout=5)
        lab.pause(1)
    with lab.fault("protocol-error"):
        for junk in (b"GET / HTTP/1.0\r\n\r\n", b"ceph v027" + bytes(300), lab.rng.randbytes(300)):
            lab.talk(6789, junk)
        lab.run("ceph", *args, "nonsense", timeout=5)
        lab.run("rados", *args, "-p", "none", "ls", timeout=5)
    with lab.fault("dead-node"):
        lab.stop(osd, 9)
        lab.pause(4)
        lab.run("ceph", *args, "osd", "down", "0", timeout=5)
        lab.run("ceph", *args, "health", "detail", timeout=5)
        lab.run("rados", *args, "-p", "data", "ls", timeout=3)
    with lab.fault("damaged-disk"):
        with (lab.dir / "osd/block").open("r+b") as file:
            file.write(lab.rng.randbytes(9000))
        lab.run("ceph-osd", *args, "-f", "-i", "0", timeout=5)
        lab.run("ceph-bluestore-tool", "fsck", "--path", lab.dir / "osd", timeout=5)
        lab.stop(mon, 9)
        for file_name in (lab.dir / "mon/store.db").glob("*"):
            file_name.write_bytes(lab.rng.randbytes(500))
        lab.run("ceph-mon", *args, "-f", "-i", "a", timeout=5)
    with lab.fault("bad-config"):
        for flags in ("-i none", "-i a --mon-data /none", "--nonsense"):
            for daemon in ("ceph-mon", "ceph-osd"):
                lab.run(daemon, *args, "-f", *flags.split(), timeout=3)


def glusterfs(lab: Lab) -> None:
    """GlusterFS: volumes made, started and healed; bricks killed, bad names, dead peers."""
    lab.folder("/var/log/glusterfs/bricks")
    lab.collect("/var/log/glusterfs/*.log", "/var/log/glusterfs/bricks/*.log")
    lan(lab)
    with lab.healthy():
        server = lab.start("glusterd", "-N", "-L", "DEBUG")
        lab.listening(24007)
        for line in (
            *(
                "volume create v replica 2 10.9.9.9:/srv/b1 10.9.9.9:/srv/b2 force",
                "volume start v",
            ),
            *(
                "volume info",
                "volume status",
                "pool list",
                "volume set v performance.cache-size 4MB",
            ),
            *("volume heal v info", "volume rebalance v status", "volume profile v start"),
            *("volume top v open", "volume quota v enable", "volume get v all", "peer status"),
        ):
            lab.run("gluster", "--mode=script", *line.split(), timeout=8)
        lab.pause(1)
    with lab.fault("dead-node"):
        lab.signal_named("glusterfsd", 9)
        lab.pause(2)
        for line in (
            "volume status",
            "volume heal v full",
            "peer probe no.invalid",
            "peer probe 203.0.113.9",
        ):
            lab.run("gluster", "--mode=script", *line.split(), timeout=5)
        lab.run(
            "glusterfs", "-N", "-s", "127.0.0.1", "--volfile-id", "none", lab.folder("m"), timeout=4
        )
    with lab.fault("protocol-error"):
        for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\x80\0\0\x28" + bytes(40), lab.rng.randbytes(90)):
            lab.talk(24007, junk)
        for line in (
            "volume start none",
            "volume create v x:/y",
            "volume set v none 1",
            "nonsense",
            "volume create w 127.0.0.1:/none/x",
            "snapshot create s v",
            "volume delete v",
        ):
            lab.run("gluster", "--mode=script", *line.split(), timeout=5)
    with lab.healthy():
        lab.run("gluster", "--mode=script", "volume", "start", "v", "force", timeout=8)
        lab.run("gluster", "--mode=script", "volume", "stop", "v", timeout=8)
        lab.stop(server)
    with lab.fault("damaged-state"):
        for file in lab.dir.parent.glob("nothing"):
            file.unlink()
        lab.run(
            "sh",
            "-c",
            "for f in /var/lib/glusterd/vols/v/*.vol /var/lib/glusterd/vols/v/info; "
            "do head -c 300 /dev/urandom >$f; done; timeout 5 glusterd -N -L DEBUG",
        )
        lab.run(
            "sh", "-c", "rm -rf /var/lib/glusterd; touch /var/lib/glusterd; timeout 4 glusterd -N"
        )


def shares(lab: Lab) -> None:
    """MooseFS, NFS-Ganesha, tgt and their clients: started and served, cut off and misled."""
    lab.syslog(PLAIN)
    lan(lab)
    lab.folder("mfs")
    lab.folder("chunk")
    lab.write("mfs/metadata.mfs", "MFSM NEW")
    master = lab.write(
        "master.cfg",
        "WORKING_USER = root\nWORKING_GROUP = root\nDATA_PATH = /srv/app/mfs\n"
        "EXPORTS_FILENAME = /srv/app/exports\nTOPOLOGY_FILENAME = /dev/null\n",
    )
    lab.write("exports", "* / rw,alldirs,maproot=0\n* . rw\n")
    lab.write("hdd", "/srv/app/chunk\n")
    chunk = lab.write(
        "chunk.cfg",
        "WORKING_USER = root\nWORKING_GROUP = root\nDATA_PATH = /srv/app/chunk\n"
        "HDD_CONF_FILENAME = /srv/app/hdd\nMASTER_HOST = 10.9.9.9\n"
        "HDD_LEAVE_SPACE_DEFAULT = 1MiB\n",
    )
    with lab.healthy():
        lab.start("mfsmaster", "-f", "-c", master, "start")
        lab.pause(2)
        server = lab.start("mfschunkserver", "-f", "-c", chunk, "start")
        lab.pause(3)
    with lab.fault("backend-down"):
        lab.signal_named("mfsmaster", 9)
        lab.pause(3)
        lab.run("mfsmaster", "-f", "-c", master, "start", timeout=3)
        lab.run("mfschunkserver", "-f", "-c", chunk, "start", timeout=3)
        lab.run("mfsmount", lab.folder("mnt"), "-H", "127.0.0.1", timeout=4)
        lab.stop(server)
    with lab.fault("bad-config"):
        lab.write("hdd", "/none\nnonsense x y\n")
        lab.write("exports", "nonsense\n999.1.1.1 / rw\n")
        lab.run("mfschunkserver", "-f", "-c", chunk, "start", timeout=3)
        lab.run("mfsmaster", "-f", "-a", "-c", master, "start", timeout=3)
        lab.write("mfs/metadata.mfs.back", lab.rng.randbytes(300))
        lab.run("mfsmetarestore", "-a", "-d", "/srv/app/mfs", timeout=3)
    _nfs(lab)
    _iscsi(lab)


def _nfs(lab: Lab) -> None:
    """NFS-Ganesha without a file system of the kernel's."""
    ganesha = (
        "NFS_CORE_PARAM { Protocols = 4; NFS_Port = 2049; }\n"
        "EXPORT { Export_Id = 1; Path = %s; Pseudo = /a; FSAL { Name = %s; } }\n"
    )
    argv = ("ganesha.nfsd", "-F", "-L", "/var/log/ganesha.log", "-p", "/srv/app/g.pid", "-f")
    lab.collect("/var/log/ganesha.log")
    lab.folder("/run/ganesha")
    lab.folder("/var/lib/nfs/ganesha")
    with lab.healthy():
        server = lab.start(
            *argv, lab.write("g.conf", ganesha % ("/srv/app/mnt", "MEM")), "-N", "NIV_DEBUG"
        )
        lab.pause(5)
    with lab.fault("protocol-error"):
        for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\x80\0\0\x28" + bytes(40), lab.rng.randbytes(99)):
            lab.talk(2049, junk)
        lab.run(*argv, lab.dir / "g.conf", timeout=4)
        lab.stop(server)
    with lab.fault("bad-config"):
        for text in (
            ganesha % ("/none", "NONE"),
            ganesha % ("/none", "VFS"),
            "EXPORT {",
            "NONSENSE { x = 1; }",
        ):
            lab.run(*argv, lab.write("g.conf", text), timeout=4)


def _iscsi(lab: Lab) -> None:
    """tgtd: a target with a disk, then disks and targets that aren't there."""
    with lab.healthy():
        target = lab.start("tgtd", "-f", "-d", "1")
        lab.pause(1)
        lab.write("lun", bytes(1 << 20))
        for line in (
            "--op new --mode target --tid 1 -T iqn.2001-04.org.example:a",
            "--op show --mode target",
            "--op new --mode logicalunit --tid 1 --lun 1 -b /srv/app/lun",
            "--op bind --mode target --tid 1 -I ALL",
        ):
            lab.run("tgtadm", "--lld", "iscsi", *line.split(), timeout=4)
    with lab.fault("missing-device"):
        for line in (
            "--op new --mode target --tid 1 -T x",
            "--op delete --mode target --tid 9",
            "--op new --mode logicalunit --tid 1 --lun 2 -b /none",
            "--op nonsense",
        ):
            lab.run("tgtadm", "--lld", "iscsi", *line.split(), timeout=4)
        for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\x43" + bytes(47), lab.rng.randbytes(96)):
            lab.talk(3260, junk)
        lab.stop(target)


SERVICES = (
    Service("ceph", ("ceph-mon", "ceph-osd", "ceph-common"), ceph, 110),
    Service("glusterfs", ("glusterfs-server", "glusterfs-client"), glusterfs, 100),
    Service(
        "shares",
        ("rsyslog", "moosefs-master", "moosefs-chunkserver", "nfs-ganesha", "tgt"),
        shares,
        75,
    ),
)
