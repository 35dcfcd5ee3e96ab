"""Supercomputing software: batch schedulers, their authentication, parallel programs."""

import shutil
import socket
import subprocess

from corpus.hosts import ISO, PLAIN
from corpus.lab import Lab, Service

SLURM = (
    "ClusterName=lab\nSlurmctldHost=%s(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n"
    "StateSaveLocation=/srv/app/state\nSlurmdSpoolDir=/srv/app/spool\nMailProg=/bin/true\n"
    "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\n"
    "SchedulerType=sched/backfill\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n"
    "AuthType=auth/munge\nCredType=cred/munge\nReturnToService=2\nSlurmdTimeout=2\nMinJobAge=2\n"
    "InactiveLimit=2\nKillWait=1\nMessageTimeout=4\nJobAcctGatherType=jobacct_gather/none\n"
    "SlurmctldPidFile=/srv/app/c.pid\nSlurmdPidFile=/srv/app/d.pid\n"
    "SlurmctldDebug=%s\nSlurmdDebug=%s\nAccountingStorageType=accounting_storage/none\n"
    "NodeName=n[1-2] NodeHostname=%s NodeAddr=127.0.0.1 Port=[7001-7002] CPUs=2 RealMemory=500\n"
    "PartitionName=p Nodes=n[1-2] Default=YES MaxTime=5 State=UP\n"
)
JOBS = (
    "hostname",
    "sleep 1; date",
    "srun hostname",
    "srun true",
    "echo $SLURM_JOB_ID; seq 99 | wc",
)
BAD_JOBS = (
    *(
        "exit 3",
        "kill -9 $$",
        "srun -n99 true",
        "srun /none/program",
        "kill -SEGV $$",
        "srun false",
    ),
    *("sleep 99", "cd /none && ls", "ulimit -v 9000; python3 -c 'x=bytearray(1<<30)'"),
)


def slurm(lab: Lab) -> None:
    """Slurm with munge: jobs that end well; failing jobs, a dead node, a bad key, a lost state."""
    lab.syslog(PLAIN)
    lab.folder("/run/munge", "munge")
    lab.folder("/var/log/munge", "munge")
    lab.collect("/srv/app/*.out")
    host = _name(lab)
    key = lab.write("munge.key", lab.rng.randbytes(128), 0o600)
    for folder in ("state", "spool", "spool2"):
        lab.folder(folder)
    lab.folder("/var/lib/munge", "munge")
    shutil.chown(key, "munge", "munge")
    lab.dir.chmod(0o755)
    munge = ("munged", "-F", "--key-file", str(key))
    conf = str(lab.dir / "slurm.conf")
    env = {"SLURM_CONF": conf}
    for level in ("info", "debug2"):
        lab.write("slurm.conf", SLURM % (host, level, level, host))
        _first(lab, munge, conf, env)
        with lab.healthy():
            lab.start(*munge, user="munge")
            lab.pause(0.7)
            server = lab.start("slurmctld", "-D", "-f", conf, env=env)
            lab.listening(6817)
            nodes = [lab.start("slurmd", "-D", "-N", n, "-f", conf, env=env) for n in ("n1", "n2")]
            lab.listening(7002)
            lab.pause(2)
            for number, job in enumerate(JOBS):
                _submit(lab, job, env, "-N1", f"-Jfine{number}")
            for words in (("sinfo", "-N", "-l"), ("squeue", "-l"), ("scontrol", "show", "nodes")):
                lab.run(*words, env=env)
            lab.run("srun", "-n2", "-l", "hostname", env=env, timeout=8)
            for order in (("reconfigure",), ("ping",), ("update", "nodename=n1", "comment=x")):
                lab.run("scontrol", *order, env=env)
            lab.pause(3)
        with lab.fault("failing-job"):
            for job in BAD_JOBS:
                _submit(lab, job, env, "-t0:02")
            _submit(lab, "true", env, "-pnone", "-N77")
            _submit(lab, "true", env, "--mem=900G")
            lab.run("srun", "-t0:01", "/bin/sh", "-c", "exit 7", env=env, timeout=5)
            lab.run("srun", "-v", "/none", env=env, timeout=5)
            lab.run("scancel", "1", "999", "x", env=env)
            lab.pause(3)
        _lost_daemons(lab, server, nodes, conf)
    _unusable(lab, host, munge, conf)


def _lost_daemons(
    lab: Lab,
    server: subprocess.Popen[bytes],
    nodes: list[subprocess.Popen[bytes]],
    conf: str,
) -> None:
    """A node that dies, peers that talk nonsense, no controller, no munge."""
    env = {"SLURM_CONF": conf}
    with lab.fault("dead-node"):
        _submit(lab, "sleep 30", env, "-N2")
        lab.pause(1)
        lab.stop(nodes[1], 9)
        lab.run("srun", "-N2", "hostname", env=env, timeout=6)
        lab.run("scontrol", "update", "nodename=n2", "state=down", "reason=dead", env=env)
        lab.pause(4)
    with lab.fault("protocol-error"):
        for port in (6817, 7001):
            for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\x20" + bytes(32), b"\xff" * 40):
                lab.talk(port, junk)
    with lab.fault("backend-down"):
        lab.stop(server, 9)
        for words in (("sinfo",), ("squeue",), ("sbatch", "--wrap=true"), ("srun", "true")):
            lab.run(*words, env=env, timeout=3)
        lab.signal_named("munged", 9)
        lab.run("slurmctld", "-D", "-f", conf, env=env, timeout=3)
        lab.run("munge", "-n", timeout=3)
        lab.run("slurmd", "-D", "-N", "n2", "-f", conf, env=env, timeout=3)
    lab.stop(nodes[0])


def _unusable(lab: Lab, host: str, munge: tuple[str, ...], conf: str) -> None:
    """Damaged state, unusable settings, bad keys and credentials."""
    env = {"SLURM_CONF": conf}
    with lab.fault("damaged-state"):
        lab.start(*munge, user="munge")
        lab.pause(0.5)
        for file in (lab.dir / "state").glob("*_state"):
            file.write_bytes(lab.rng.randbytes(300))
        lab.run("slurmctld", "-D", "-f", conf, env=env, timeout=3)
        lab.signal_named("munged", 15)
    with lab.fault("bad-config"):
        for wrong in ("Nonsense=1\n", "SelectType=none\n", "NodeName=n[1\n", "SlurmctldPort=x\n"):
            bad = lab.write("b.conf", SLURM % (host, "info", "info", host) + wrong)
            lab.run("slurmctld", "-D", "-f", bad, env={"SLURM_CONF": str(bad)}, timeout=2)
        lab.run("slurmd", "-D", "-N", "n9", "-f", conf, env=env, timeout=2)
        for size, mode in ((5, 0o600), (128, 0o666)):
            lab.run("munged", "-F", "--key-file", lab.write("k", bytes(size), mode), timeout=1)
        lab.run("unmunge", "-i", lab.write("cred", "MUNGE:AwQDAAB:\n"))


def lan(lab: Lab) -> str:
    """An address that isn't loopback, without which some software doesn't start."""
    for line in ("link add eth0 type bridge", "addr add 10.9.9.9/24 dev eth0", "link set eth0 up"):
        lab.run("ip", *line.split(), keep=False)
    return "10.9.9.9"


def _name(lab: Lab) -> str:
    """This machine's name, made to resolve: getaddrinfo wants an address that isn't loopback."""
    lan(lab)
    name = socket.gethostname().partition(".")[0]
    socket.sethostname(name)
    lab.write("/etc/hosts", f"127.0.0.1 localhost {name}\n")
    return name


def _first(lab: Lab, munge: tuple[str, ...], conf: str, env: dict[str, str]) -> None:
    """The controller's first start, which complains of the state that it doesn't have yet."""
    started = [lab.start(*munge, user="munge", keep=False)]
    lab.pause(0.5)
    started.append(lab.start("slurmctld", "-D", "-c", "-f", conf, env=env, keep=False))
    lab.listening(6817, 4)
    lab.pause(1)
    for one in reversed(started):
        lab.stop(one)


def _submit(lab: Lab, job: str, env: dict[str, str], *flags: str) -> None:
    lab.run("sbatch", "-o", "/srv/app/job-%j.out", *flags, f"--wrap={job}", env=env, timeout=5)


MPI = """
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int c, char **v) {
  int rank, size, x = 0, what = c > 1 ? atoi(v[1]) : 0; char name[99]; int n; double t;
  MPI_Init(&c, &v); MPI_Comm_rank(MPI_COMM_WORLD, &rank); MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Get_processor_name(name, &n); t = MPI_Wtime();
  printf("rank %d of %d on %s starts\\n", rank, size, name);
  for (int step = 0; step < 3; step++) {
    double mine = rank * 0.1 + step, sum;
    MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (!rank)
      printf("step %d residual %.3e total %.2f dt=%.4f\\n", step, 1.0 / (step + 1), sum, 0.01);
  }
  fflush(stdout); MPI_Barrier(MPI_COMM_WORLD);
  if (what == 1 && rank == 1) MPI_Abort(MPI_COMM_WORLD, 77);
  if (what == 2 && rank == 1) *(volatile int *)0 = 1;
  if (what == 3) MPI_Send(&x, 1, MPI_INT, size + 5, 0, MPI_COMM_WORLD);
  if (what == 4 && rank == 1) abort();
  if (what == 5 && rank == 1) exit(3);
  if (what == 6) { int big[9]; if (!rank) { MPI_Send(big, 9, MPI_INT, 1, 0, MPI_COMM_WORLD); }
    if (rank == 1) MPI_Recv(&x, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE); }
  if (what == 7) { MPI_File f; MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_File_set_errhandler(MPI_FILE_NULL, MPI_ERRORS_ARE_FATAL);
    MPI_File_open(MPI_COMM_WORLD, "/none/x", MPI_MODE_RDONLY, MPI_INFO_NULL, &f); }
  if (what == 8 && rank == 1) { int z = 0; printf("%d", 1 / z); }
  if (what == 9) { MPI_Finalize(); MPI_Barrier(MPI_COMM_WORLD); }
  if (!rank) { printf("checkpoint written to /scratch/run.0001 (%d cells)\\n", 4096 * size);
    printf("wall time %.2f s\\n", MPI_Wtime() - t); }
  MPI_Finalize(); return 0;
}
"""


def mpi(lab: Lab) -> None:
    """Open MPI: solvers that converge, ranks that abort, crash, deadlock; launches that fail."""
    lab.write("m.c", MPI)
    run = ("mpirun", "--allow-run-as-root", "--oversubscribe", "--mca", "plm", "isolated")
    with lab.healthy():
        lab.run("mpicc", "-w", "-o", "m", "m.c", timeout=20)
        for flags in ((), ("--tag-output",), ("--timestamp-output",), ("--display-map",)):
            lab.run(*run, "-n", "3", *flags, "./m", timeout=12)
        lab.run(*run, "-n", "2", "--report-bindings", "-v", "./m", timeout=12)
        lab.run(*run, "-n", "2", "--mca", "btl_base_verbose", "30", "./m", timeout=12)
        lab.run(*run, "-n", "1", "--mca", "plm_base_verbose", "5", "./m", timeout=12)
    for what, name in (
        *((1, "abort"), (2, "crash"), (3, "bad-rank"), (4, "crash"), (5, "lost-rank")),
        *((6, "truncated-message"), (7, "missing-file"), (8, "crash"), (9, "after-finalize")),
    ):
        with lab.fault(name):
            for flags in ((), ("--tag-output",)):
                lab.run(*run, "-n", "3", *flags, "./m", str(what), timeout=6)
    with lab.fault("failed-launch"):
        for probe in (
            *(("-n", "2", "./none"), ("-n", "x", "./m"), ("--hostfile", "/none", "./m")),
            *(("-H", "no.invalid", "-n", "2", "./m"), ("--nonsense", "./m"), ("-n", "2", "/etc")),
            *(("--mca", "btl", "none", "-n", "2", "./m"), ("--mca", "pml", "none", "./m")),
        ):
            lab.run("mpirun", "--allow-run-as-root", *probe, timeout=6)
        lab.run("mpirun", "-n", "2", "./m", user="nobody", timeout=6)
        lab.run("mpirun", "--allow-run-as-root", "-n", "64", "./m", timeout=6)
        lab.run(*run, "--timeout", "1", "-n", "2", "sleep", "9", timeout=6)


def nodes(lab: Lab) -> None:
    """A compute node's helpers: munge and rpcbind at work, fabric and IPMI without devices."""
    lab.syslog(ISO)
    _name(lab)
    with lab.healthy():
        lab.folder("/run/munge", "munge")
        lab.folder("/run/rpcbind")
        lab.folder("/var/lib/munge", "munge")
        key = lab.write("k", lab.rng.randbytes(64), 0o600)
        shutil.chown(key, "munge", "munge")
        for _ in range(2):
            server = lab.start("munged", "-F", "--key-file", key, user="munge")
            other = lab.start("rpcbind", "-f", "-d", "-w")
            lab.pause(1)
            lab.run("sh", "-c", "munge -n | unmunge")
            lab.run("rpcinfo", "-p", timeout=3)
            lab.stop(server)
            lab.stop(other)
    with lab.fault("no-device"):
        for words in (
            *(
                ("opensm", "-f", "stdout", "-B"),
                ("opensm", "-f", "stdout"),
                ("ibstat",),
                ("ibhosts",),
            ),
            *(("ipmitool", "sel", "list"), ("ipmitool", "-I", "lan", "-H", "127.0.0.1", "sdr")),
            *(("rasdaemon", "-f"), ("ibping", "1"), ("perfquery",), ("iblinkinfo",), ("saquery",)),
        ):
            lab.run(*words, timeout=4)
    with lab.fault("bad-credential"):
        lab.start("munged", "-F", "--key-file", key, user="munge")
        lab.pause(0.7)
        for text in ("MUNGE:AwQDAAB:\n", "nonsense", "MUNGE::", "MUNGE:" + "A" * 200 + ":"):
            lab.run("unmunge", "-i", lab.write("cred", text))
        lab.run(
            "sh",
            "-c",
            "munge -n -t 1 >c; sleep 2; unmunge -i c; munge -n >c; unmunge -i c "
            ">/dev/null; unmunge -i c; munge -u none9 -n; munge -n -c x",
        )


SERVICES = (
    Service("slurm", ("rsyslog", "slurmctld", "slurmd", "slurm-client", "munge"), slurm, 200),
    Service("mpi", ("openmpi-bin", "libopenmpi-dev", "gcc"), mpi, 120),
    Service(
        "nodes",
        ("rsyslog", "munge", "rpcbind", "opensm", "ipmitool", "infiniband-diags"),
        nodes,
        75,
    ),
)
