"""A SLURM of one node on this machine's loopback: real daemons, all files in one folder.

Needs root (slurmd changes users) and Debian's packages. The daemons are children of this process
and end with it. There is no accounting and there are no control groups, as on the plainest cluster.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "setpriv")
SYSTEM_CONF = Path("/etc/slurm/slurm.conf")
"""Where programs look without SLURM_CONF: Snakemake's job steps drop all SLURM variables."""

MARKER = "BALENT_TEST_CLUSTER"
"""A variable of everything that talks to a cluster, and so of its jobs: the cluster's folder."""

NAME = "ClusterName=balent_test"
CONF = """\
{name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
AccountingStorageType=accounting_storage/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
# without control groups it is the sampling of memory that ends a job above its limit
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
EnforcePartLimits=ALL
SchedulerParameters=batch_sched_delay=1,sched_interval=5,bf_interval=5
ReturnToService=2
SlurmdTimeout=60
KillWait=5
MinJobAge=300
# the node may declare more than the machine has
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={mem_mb} Gres=gpu:{gpus}
PartitionName=cpu Nodes=node Default=YES MaxTime=7-0 State=UP
PartitionName=gpu Nodes=node Default=NO MaxTime=7-0 State=UP
"""
GPU_FILES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")
"""Device files that stand for GPUs: SLURM counts them, torch sees none."""


class Unavailable(Exception):
    """No SLURM can be started on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class QueuedJob:
    """A job that SLURM knows, running or finished minutes ago.

    memory   as it was asked for, such as 4000M
    comment  the executor's: rule and wildcards
    folder   where it runs
    """

    number: str
    state: str
    memory: str
    comment: str
    folder: str

    @property
    def active(self) -> bool:
        return self.state in {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING"}


@dataclass
class Cluster:
    """The daemons and the queue; ``start`` before use and ``stop`` at the end.

    cpus, mem_mb, gpus  what the node declares; nothing of it is taken from the machine
    """

    folder: Path
    cpus: int = 2
    mem_mb: int = 64_000
    gpus: int = 2
    _daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self) -> None:
        """Write the configuration, start the daemons and run a first job.

        Raises Unavailable where packages, rights or a free configuration are missing.
        """
        check_machine()
        for name in ("state", "spool", "log"):
            (self.folder / name).mkdir(parents=True)
        self._write_configuration()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        files = [f"--key-file={key}", *(self._munge_file(n) for n in ("pid", "log", "seed"))]
        self._launch("munged", "--foreground", "--force", f"--socket={self.socket}", *files)
        wait_until(self.socket.exists, "munged")
        self.start_controller()
        self.start_node()
        wait_until(lambda: self._says("idle", "sinfo", "-h", "-o", "%T"), "the node")
        self.ask("srun", "--quiet", "--mem=100", "true")

    def stop(self) -> None:
        """End all jobs and the daemons, and remove the link to the configuration."""
        try:
            if self._daemons.get("slurmctld"):
                self.clear()
        finally:
            for name in reversed(self._daemons):
                self.end(name, signal.SIGTERM)
            if SYSTEM_CONF.is_symlink() and SYSTEM_CONF.readlink() == self.conf:
                SYSTEM_CONF.unlink()

    def clear(self) -> None:
        """Cancel all jobs, and kill those of their processes that outlive that."""
        try:
            self.ask("scancel", "--user=root")
            wait_until(lambda: not self.active_jobs(), "the end of all jobs")
        finally:
            for process in self.processes():
                with suppress(ProcessLookupError):  # ended meanwhile
                    os.kill(process, signal.SIGKILL)
            wait_until(lambda: not self.processes(), "the end of their processes")

    def empty(self) -> bool:
        """Whether no job is in the queue and no process of any job or client is there."""
        return not self.active_jobs() and not self.processes()

    def wait_until_empty(self) -> None:
        """Wait for the end of all jobs, their processes and all clients.

        Raises TimeoutError, which names what is left.
        """
        try:
            wait_until(self.empty, "the end of all jobs and their processes")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.active_jobs()}, {self.processes()}") from None

    def processes(self, script: str = "") -> dict[int, str]:
        """Processes of this SLURM's clients and jobs, all or those of one Python script.

        Numbers and command lines. They are found by what they inherit: a process that left its
        session stays one of its job.
        """
        mark = f"{MARKER}={self.folder}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # ended meanwhile
                words = (folder / "cmdline").read_text().split("\0")
                if mark in (folder / "environ").read_bytes().split(b"\0") and (
                    not script or script in words
                ):
                    found[int(folder.name)] = " ".join(words)
        return found

    def start_controller(self) -> None:
        self._launch("slurmctld", "-D")
        wait_until(lambda: self._says("is UP", "scontrol", "ping"), "slurmctld")

    def start_node(self) -> None:
        self._launch("slurmd", "-D")

    def end(self, name: str, number: signal.Signals) -> None:
        """Send a daemon a signal and wait for its end."""
        daemon = self._daemons[name]
        daemon.send_signal(number)
        daemon.wait(timeout=60)

    @property
    def conf(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def socket(self) -> Path:
        return self.folder / "munge.sock"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that talks to this SLURM, and to no other."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        return inherited | {"SLURM_CONF": str(self.conf), MARKER: str(self.folder)}

    def jobs(self) -> list[QueuedJob]:
        """All jobs of the last minutes in the order of their submission, finished ones too."""
        columns = "--format=%A|%T|%m|%k|%Z"
        lines = self.ask("squeue", "--states=all", "--sort=i", "-h", columns).splitlines()
        return [QueuedJob(*line.split("|")) for line in lines]

    def active_jobs(self) -> list[QueuedJob]:
        return [job for job in self.jobs() if job.active]

    def ask(self, *command: str) -> str:
        """What a SLURM command prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def _says(self, text: str, *command: str) -> bool:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return text in done.stdout

    def _munge_file(self, name: str) -> str:
        return f"--{name}-file={self.folder}/munged.{name}"

    def _write_configuration(self) -> None:
        values = {"cpus": self.cpus, "mem_mb": self.mem_mb, "gpus": self.gpus}
        host = socket.gethostname().partition(".")[0]
        text = CONF.format(name=NAME, folder=self.folder, host=host, ports=free_ports(2), **values)
        self.conf.write_text(text)
        files = ",".join(GPU_FILES[: self.gpus])
        (self.folder / "gres.conf").write_text(f"AutoDetect=off\nName=gpu File={files}\n")
        SYSTEM_CONF.parent.mkdir(exist_ok=True)
        SYSTEM_CONF.unlink(missing_ok=True)  # check_machine: at most a link left behind
        SYSTEM_CONF.symlink_to(self.conf)

    def _launch(self, name: str, *arguments: str) -> None:
        """Start a daemon in the foreground, as a child that is killed with its parent."""
        unmarked = {key: value for key, value in self.environment.items() if key != MARKER}
        with (self.folder / "log" / name).open("a") as log:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", name, *arguments],
                env=unmarked,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def check_machine() -> None:
    """Raise Unavailable where no SLURM can be started."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        packages = "slurmctld slurmd slurm-client munge"
        raise Unavailable(f"no {', '.join(missing)} here: apt-get install {packages}")
    if os.getuid() != 0:
        raise Unavailable("a SLURM for tests needs root: slurmd changes users")
    if SYSTEM_CONF.exists() and not left_behind():
        raise Unavailable(f"{SYSTEM_CONF} is there already: this machine belongs to a SLURM")


def left_behind() -> bool:
    """Whether the system's configuration is one of these tests, of a session that was killed."""
    if not SYSTEM_CONF.is_symlink() or NAME not in SYSTEM_CONF.read_text():
        return False
    answer = subprocess.run(["scontrol", "ping"], capture_output=True, text=True)
    return "is DOWN" in answer.stdout


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition to hold; TimeoutError names what did not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        time.sleep(0.1)
