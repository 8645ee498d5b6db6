"""Runs the tests on each database, side by side. `./run test` comes here.

Beside them runs what needs neither database in particular: it waits for browsers and servers most
of the time, while the others compute.

Arguments go to pytest; `--on sqlite` or `--on postgresql`, or STRATA_TEST_DATABASES, takes one.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PYTEST = [sys.executable, "-m", "pytest"]
COMMANDS = {
    "sqlite": PYTEST,
    "postgresql": [sys.executable, "-m", "tests.postgres", *PYTEST],
}
ONCE = "once"  # the tests that run once, on SQLite, where both databases are tested
NO_TESTS_COLLECTED = 5  # pytest's exit code


def main(arguments: list[str]) -> int:
    databases, arguments = choose_databases(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    codes, closings = {}, {}
    with tempfile.TemporaryDirectory(prefix="strata-run-") as folder:
        parts = [*databases, ONCE] if len(databases) > 1 else databases
        outputs = {part: Path(folder) / part for part in parts}
        running = {part: start_tests(part, arguments, outputs[part], parts) for part in parts}
        try:
            for name, process in running.items():
                print(f"\nTests {'that run' if name == ONCE else 'on'} {name}\n", flush=True)
                codes[name] = show_until_ended(process, outputs[name])
                closings[name] = find_closing_line(outputs[name])
        finally:
            for process in running.values():
                end(process)
    # A selection may hold nothing but tests that run once; nothing at all is a mistake.
    if set(codes.values()) != {NO_TESTS_COLLECTED}:
        codes = {name: 0 if code == NO_TESTS_COLLECTED else code for name, code in codes.items()}
    print("\nSummary")
    for name, code in codes.items():
        print(f"  {name:<12}{'ok' if code == 0 else 'FAILED':<8}{closings[name]}")
    return max(codes.values())


def choose_databases(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the databases to test on, and the arguments that remain for pytest."""
    chosen = os.environ.get("STRATA_TEST_DATABASES", "")
    if "--on" in arguments:
        position = arguments.index("--on")
        chosen = " ".join(arguments[position + 1 : position + 2]) or "nothing"
        arguments = arguments[:position] + arguments[position + 2 :]
    names = [name.strip() for name in chosen.split(",") if name.strip()] or list(COMMANDS)
    if unknown := set(names) - set(COMMANDS):
        print(f"Tests run on sqlite or postgresql, not on {', '.join(unknown)}.", file=sys.stderr)
        sys.exit(2)
    return names, arguments


def start_tests(
    part: str, arguments: list[str], output: Path, parts: list[str]
) -> subprocess.Popen[bytes]:
    """Start the tests of a part; tests.conftest leaves out what another part of these runs."""
    only = "" if len(parts) == 1 else ONCE if part == ONCE else "each"
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "STRATA_TESTS_ONLY": only}
    environment.pop("TEST_DATABASE_URL", None)
    # The parts and the programs that they start would each compile all of the code again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if sys.stdout.isatty():
        environment["FORCE_COLOR"] = "1"
    with output.open("wb") as file:
        return subprocess.Popen(
            [*COMMANDS.get(part, PYTEST), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C would end the browsers before the tests
        )


def show_until_ended(process: subprocess.Popen[bytes], output: Path) -> int:
    """Copy a process's output to ours until it ends, and return its exit code."""
    with output.open("rb") as file:
        while True:
            # Asked before reading, so that nothing is missed after the last read.
            code = process.poll()
            sys.stdout.buffer.write(file.read())
            sys.stdout.flush()
            if code is not None:
                return code
            time.sleep(0.1)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that has not ended, and let it clean up."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def find_closing_line(output: Path) -> str:
    """Return pytest's last line, which other processes' output may follow."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", output.read_text(errors="replace"))  # without colours
    closings: list[str] = re.findall(
        r"^(?:=+ )?([0-9]+ .+ in [0-9.]+s.*?)(?: =+)?$", text, re.MULTILINE
    )
    return closings[-1] if closings else "ended early"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
