"""Brian2 as it runs here: import, preferences, code generation target, and its cache.

Nothing in this module knows the neuron; `_brian2_equations` does. Brian2 is imported on first use.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import logging
import os
import platform
import shutil
import signal
import sys
import sysconfig
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bio_scnn.errors import InputError
from bio_scnn.neuron._brian2_cache import drop_damaged, forget_simulations, record
from bio_scnn.runtime.memory import garbage_collected

TARGETS = ("auto", "numpy", "cython")

# Brian2's own flags add -ffast-math and -march=native. Measured on 2**20 neurons they gain
# nothing beyond the noise of the machine (4.2 ns a neuron-step without, 7.0 with), and they make
# the bits depend on the CPU. Contraction to fused multiply-adds is switched off for the same
# reason. -g0: Python's own flags may ask for debug information, a third of the time of compiling.
COMPILE_FLAGS = ["-w", "-O3", "-g0", "-ffp-contract=off", "-std=c++11"]

# Compiling takes 10 to 20 s once per machine, and loading the compiled modules about 0.6 s once
# per process; Cython then saves some 25 ns per neuron and step.
WORK_WORTH_COMPILING = 1_000_000_000
WORK_WORTH_LOADING = 30_000_000

# One thread at a time may import Brian2, for it tidies up before and after.
_IMPORTING = threading.Lock()


def load_brian2() -> Any:
    """Import Brian2, quietly, leaving no log files and no hooks behind.

    Returns
    -------
    module

    Raises
    ------
    InputError
        If the caller has switched it to a standalone device.
    """
    with _IMPORTING:
        return _load_brian2()


def load_brian2_meanwhile() -> None:
    """Begin to import Brian2, which takes a second, beside other work.

    For commands, not for the library: an import resets what other threads do to warnings.
    """

    def load() -> None:
        with contextlib.suppress(Exception):  # whoever needs it meets the error again
            load_brian2()

    if "brian2" not in sys.modules:
        threading.Thread(target=load).start()


def _load_brian2() -> Any:
    if "brian2" in sys.modules:
        from brian2.devices.device import get_device, runtime_device

        if get_device() is not runtime_device:
            raise InputError(
                "Brian2 is set to a standalone device: call brian2.set_device('runtime') first"
            )
        return sys.modules["brian2"]
    # Where another package has tried to import Brian2 and failed, as on a warning that was made an
    # error, parts of it are left on which a second import would stumble.
    for name in [name for name in sys.modules if name.startswith("brian2.")]:
        del sys.modules[name]
    excepthook = sys.excepthook
    with warnings.catch_warnings(), _no_unfit_handlers():
        warnings.simplefilter("ignore")  # Brian2's use of deprecated pyparsing names
        import brian2
    # Brian2 logs to a temporary file from import on, sends Python's warnings through its own
    # logger, and asks for a bug report on every uncaught exception, ours included.
    sys.excepthook = excepthook
    logging.captureWarnings(False)
    log = brian2.BrianLogger
    if log.file_handler is not None:
        logging.getLogger("brian2").removeHandler(log.file_handler)
        log.file_handler.close()
        log.file_handler = None
    for attribute in ("tmp_log", "tmp_script"):
        if (path := getattr(log, attribute, None)) is not None:
            with contextlib.suppress(OSError):
                os.remove(path)
            setattr(log, attribute, None)
    return brian2


@contextlib.contextmanager
def _no_unfit_handlers() -> Iterator[None]:
    """Let an import ask for a signal handler in vain, where it would do harm.

    Brian2 installs one for Ctrl-C. Python allows that in the main thread only, not as in a worker
    of a cluster; and it calls the one that was there before, which is none where Ctrl-C is
    ignored, as under nohup. We switch off what it does (``core.stop_on_keyboard_interrupt``), so
    nothing is lost without it.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and callable(signal.getsignal(signal.SIGINT)):
        yield
        return
    install, here = signal.signal, threading.get_ident()

    def ask(number: int, handler: Any) -> Any:
        if threading.get_ident() == here:
            return signal.getsignal(number)
        return install(number, handler)

    signal.signal = ask  # type: ignore[assignment] # for the import alone
    try:
        yield
    finally:
        signal.signal = install


@contextlib.contextmanager
def brian2_settings(target: str) -> Iterator[Any]:
    """Brian2, set up to run one of our networks on `target`; everything is restored after."""
    brian2 = load_brian2()
    settings = {
        "codegen.target": target,
        "codegen.cpp.extra_compile_args": None,
        "codegen.cpp.extra_compile_args_gcc": COMPILE_FLAGS,
        # Otherwise log1p, expm1 and exprel build an error message from their whole argument at
        # every call on the numpy target, which takes fifty times as long as the rest.
        "codegen.runtime.numpy.discard_units": True,
        "core.default_float_dtype": brian2.float64,
        "legacy.refractory_timing": False,
        # Otherwise Ctrl-C ends a run early, and the partial result looks like a whole one.
        "core.stop_on_keyboard_interrupt": False,
        "logging.warn_for_unused_objects": False,
    }
    if target == "cython":
        settings["codegen.runtime.cython.cache_dir"] = str(cache_directory())
    prefs = brian2.prefs
    settings = {name: value for name, value in settings.items() if name in prefs}
    before = {name: prefs[name] for name in settings}
    log = logging.getLogger("brian2")
    level = log.level
    try:
        log.setLevel(logging.WARNING)  # Brian2 formats all its generated code for a debug log
        for name, value in settings.items():
            prefs[name] = value
        # Brian2 2.9 collects garbage on every run, which older objects would make slow as well.
        with garbage_collected(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pyparsing, as above
            yield brian2
    finally:
        brian2.Network._globally_running = False  # Brian2 forgets to, after an exception
        forget_simulations()
        for name, value in before.items():
            prefs[name] = value
        log.setLevel(level)


def cache_directory() -> Path:
    """Directory of the compiled modules: one per CPU model, compiler flags and versions.

    ``$BIO_SCNN_CACHE`` overrides the platform's cache directory. Brian2's own cache key omits
    the CPU and the flags, so a home directory shared by two machines could mix them up.
    """
    if root := os.environ.get("BIO_SCNN_CACHE"):
        base = Path(root).expanduser()
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~\\AppData\\Local")).expanduser() / "bio_scnn"
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches/bio_scnn").expanduser()
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "bio_scnn"
    return base / f"cython-{platform.machine()}-{_identity()}"


@functools.cache
def _identity() -> str:
    """Digest of what compiled modules depend on."""
    identity = [_cpu(), *COMPILE_FLAGS, sys.version, sys.executable]
    identity += [version(name) for name in ("brian2", "cython", "numpy")]
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]


def why_no_cython() -> str | None:
    """Reason why Cython modules cannot be built or cached here, or None if they can."""
    if importlib.util.find_spec("Cython") is None:
        return "the package Cython is not installed"
    if sys.platform != "win32":  # MSVC is not on the path; only trying it tells
        compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
        if shutil.which(compiler.split()[0]) is None:
            return f"the C compiler {compiler.split()[0]!r} is not on the path"
    directory = cache_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        return (
            f"the cache directory {directory} is not writable ({error.strerror}); "
            "BIO_SCNN_CACHE names another"
        )
    return None


def working_target(target: str, work: int, model: str, canary: Callable[[str], str | None]) -> str:
    """Choose the target, and have a known result computed on it before any is trusted.

    Parameters
    ----------
    target : {"auto", "numpy", "cython"}
        What the user asked for.
    work : int
        Neurons times steps.
    model : str
        Text that identifies the compiled modules.
    canary : callable
        Takes a target; returns what is wrong with it, or None.

    Returns
    -------
    {"numpy", "cython"}

    Raises
    ------
    InputError
        If the target asked for does not work.

    Warns
    -----
    RuntimeWarning
        If ``"auto"`` would use Cython but cannot.
    """
    # A file next to the compiled modules tells later processes that they exist and passed.
    warm = cache_directory() / f"{hashlib.sha256(model.encode()).hexdigest()[:12]}.warm"
    wanted = target
    if target == "auto":
        worth = work >= WORK_WORTH_COMPILING or (work >= WORK_WORTH_LOADING and warm.exists())
        wanted = "cython" if worth else "numpy"
    if wanted == "cython":
        drop_damaged(warm.parent)
    problem = (why_no_cython() if wanted == "cython" else None) or canary(wanted)
    if problem is None:
        if wanted == "cython":
            record(warm.parent)
            with contextlib.suppress(OSError):
                warm.touch()
        return wanted
    if target == wanted:
        raise InputError(f"target {target!r} cannot be used: {problem}")
    if wanted == "cython":
        warnings.warn(
            f"Cython cannot be used, running slower on numpy: {problem}",
            RuntimeWarning,
            stacklevel=3,
        )
    return working_target("numpy", work, model, canary)


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model", "CPU part")):
                return line
    return platform.processor() or platform.machine()
