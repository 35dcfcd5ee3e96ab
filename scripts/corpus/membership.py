"""Cluster membership, routing and addresses, container runtimes, virtual machines."""

import shutil
from pathlib import Path

from corpus.hosts import PLAIN
from corpus.lab import Lab, Service

COROSYNC = (
    "totem {\n version: 2\n cluster_name: lab\n transport: udpu\n token: 500\n}\n"
    "nodelist {\n%s}\nquorum {\n provider: corosync_votequorum\n}\nlogging {\n"
    " to_stderr: yes\n debug: %s\n timestamp: on\n}\n"
)
NODE = " node {\n ring0_addr: 127.0.0.%d\n nodeid: %d\n }\n"
FRR = (
    "hostname x\nlog stdout\nrouter bgp 1\n bgp router-id 1.1.1.1\n"
    " neighbor 127.0.0.9 remote-as 2\nline vty\n"
)
KEA = (
    '{"Dhcp4": {"interfaces-config": {"interfaces": ["%s"]}, "subnet4": [{"subnet": "%s",'
    '"pools": [{"pool": "10.1.0.1-10.1.0.9"}]}], '
    '"lease-database": {"type": "memfile", "name": "%s"}}}'
)
CONTAINERD = (
    'version = 2\nroot = "/srv/app/cd"\nstate = "/run/cd"\n[grpc]\n'
    'address = "/run/cd.sock"\n[debug]\nlevel="%s"\n'
)


def membership(lab: Lab) -> None:
    """corosync and pacemaker: a quorate node; lost peers and quorum, bad settings and policies."""
    lab.syslog(PLAIN)
    for debug in ("off", "on"):
        with lab.healthy():
            config = lab.write("c.conf", COROSYNC % (NODE % (1, 1), debug))
            server = lab.start("corosync", "-f", "-c", config)
            lab.pause(2)
            for words in (
                ("corosync-cfgtool", "-s"),
                ("corosync-quorumtool", "-s"),
                ("corosync-cmapctl",),
            ):
                lab.run(*words, timeout=3)
            other = lab.start("pacemakerd", "-V")
            lab.pause(5)
            for words in (("crm_mon", "-1"), ("crmadmin", "-N"), ("cibadmin", "-Q")):
                lab.run(*words, timeout=3)
        with lab.fault("crash"):
            lab.signal_named("pacemaker-based", 9)
            lab.signal_named("pacemaker-fence", 11)
            lab.pause(2)
            lab.stop(server, 9)
            lab.pause(2)
            lab.stop(other)
        with lab.fault("lost-quorum"):
            both = NODE % (1, 1) + NODE % (9, 2) + NODE % (8, 3)
            config = lab.write("c.conf", COROSYNC % (both, debug))
            lab.run("corosync", "-f", "-c", config, timeout=4)
            lab.run("corosync-quorumtool", "-s", timeout=2)
            lab.run("crm_mon", "-1", timeout=2)
    with lab.fault("bad-config"):
        for text in ("totem {\n version: 9\n nonsense\n", "totem {\n version: 2\n}\n", "x"):
            lab.run("corosync", "-f", "-c", lab.write("b.conf", text), timeout=2)
        for text in ("<cib><configuration/></cib>", "<cib", "<cib validate-with='none'/>"):
            lab.run("crm_verify", "-VVV", "-x", lab.write("cib.xml", text))
        lab.run("pacemakerd", "-V", timeout=3)


def routing(lab: Lab) -> None:
    """FRR, Kea, keepalived and LLDP: started well; odd peers, missing interfaces, bad settings."""
    lab.syslog(PLAIN)
    for line in (
        "link add eth0 type veth peer name eth1",
        "addr add 10.1.0.100/16 dev eth0",
        "link set eth0 up",
        "link set eth1 up",
    ):
        lab.run("ip", *line.split(), keep=False)
    lab.folder("/run/frr", "frr")
    lab.folder("/run/kea")
    lab.folder("/run/lldpd")
    lab.write(
        "ka.conf",
        "vrrp_instance a {\n interface eth0\n virtual_router_id 9\n advert_int 1\n"
        " state MASTER\n virtual_ipaddress {\n 10.1.0.7\n }\n}\n",
    )
    with lab.healthy():
        for daemon in ("zebra", "bgpd", "ospfd"):
            shutil.chown(
                lab.write(f"{daemon}.conf", FRR if daemon == "bgpd" else "hostname x\n"), "frr"
            )
            lab.run(
                f"/usr/lib/frr/{daemon}",
                "-f",
                lab.dir / f"{daemon}.conf",
                "--log",
                "stdout",
                "--log-level",
                "debug",
                timeout=3,
            )
        lab.run(
            "kea-dhcp4",
            "-d",
            "-c",
            lab.write("k", KEA % ("eth0", "10.1.0.0/16", "/srv/app/l")),
            timeout=4,
        )
        lab.run("keepalived", "-n", "-l", "-D", "-f", lab.dir / "ka.conf", timeout=6)
        lab.run("lldpd", "-d", "-d", "-u", "/run/l.sock", timeout=3)
    with lab.fault("lost-link"):
        server = lab.start("keepalived", "-n", "-l", "-D", "-f", lab.dir / "ka.conf")
        other = lab.start("/usr/lib/frr/zebra", "-f", lab.dir / "zebra.conf", "--log", "stdout")
        lab.pause(2)
        lab.run("ip", "link", "set", "eth1", "down", keep=False)
        lab.pause(2)
        lab.run("ip", "link", "del", "eth0", keep=False)
        lab.pause(2)
        lab.stop(server)
        lab.stop(other)
    with lab.fault("bad-config"):
        for daemon in ("zebra", "bgpd", "ospfd"):
            bad = lab.write("bad.conf", "hostname x\nnonsense\nrouter bgp x\n")
            shutil.chown(bad, "frr")
            lab.run(f"/usr/lib/frr/{daemon}", "-f", bad, "--log", "stdout", timeout=2)
        for wrong in (
            '{"Dhcp4": {"nonsense": 1}}',
            "{",
            KEA % ("eth9", "10.0.0.0/33", "/none/l"),
            KEA % ("eth9", "10.1.0.0/16", "/none/l"),
            KEA % ("lo", "10.2.0.0/16", "/l"),
        ):
            lab.run("kea-dhcp4", "-d", "-c", lab.write("kea.json", wrong), timeout=3)
        for wrong in (
            "nonsense",
            "vrrp_instance a {\n interface eth9\n virtual_router_id 999\n}\n",
        ):
            lab.run("keepalived", "-n", "-l", "-D", "-f", lab.write("b.conf", wrong), timeout=3)


def machines(lab: Lab) -> None:
    """containerd and QEMU: runtimes that start and boot; images that can't be had or booted."""
    for level in ("debug", "info"):
        with lab.healthy():
            server = lab.start("containerd", "-c", lab.write("c.toml", CONTAINERD % level))
            lab.until(lambda: Path("/run/cd.sock").exists(), 4)
            for line in (
                "namespaces create x",
                "namespaces ls",
                "images ls",
                "plugins ls",
                "version",
            ):
                lab.run("ctr", "-a", "/run/cd.sock", *line.split(), timeout=4)
            lab.pause(1)
        with lab.fault("backend-down"):
            for line in ("run none x", "images pull 127.0.0.1:9/x:1", "tasks kill x", "nonsense"):
                lab.run("ctr", "-a", "/run/cd.sock", *line.split(), timeout=4)
        with lab.healthy():
            lab.stop(server)
    with lab.fault("bad-config"):
        lab.run("containerd", "-c", lab.write("c.toml", "version = x"), timeout=2)
        for text in ("{", "{}", '{"ociVersion": "1.0.0"}'):
            lab.write("bundle/config.json", text)
            lab.run("runc", "--debug", "run", "-b", lab.dir / "bundle", "x", timeout=3)
    qemu = ("qemu-system-x86_64", "-nographic", "-accel", "tcg", "-m", "64", "-no-reboot")
    lab.write("disk", bytes(1 << 20))
    with lab.fault("failed-boot"):
        for words in (
            ("-drive", "file=disk,format=raw"),
            ("-kernel", "/etc/services"),
            ("-m", "900T"),
            ("-drive", "file=/none"),
            ("-device", "none"),
            ("-accel", "kvm"),
            ("-nonsense",),
            ("-netdev", "tap,id=a"),
            ("-incoming", "tcp:127.0.0.1:x"),
            ("-cpu", "none"),
        ):
            lab.run(*qemu, *words, timeout=3)


SERVICES = (
    Service("membership", ("rsyslog", "corosync", "pacemaker"), membership, 110),
    Service("routing", ("rsyslog", "frr", "kea-dhcp4-server", "keepalived", "lldpd"), routing, 110),
    Service("machines", ("containerd", "runc", "qemu-system-x86"), machines, 90),
)
