"""The Dockerfile cannot be built everywhere; its instructions are held against the rules that hadolint has for them."""

import json
import re

from tests.running import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
LINES = re.sub(r"\\\n", " ", TEXT).splitlines()
INSTRUCTIONS = [tuple(line.split(None, 1)) for line in LINES if line.strip() and not line.startswith("#")]
KNOWN = {"ARG", "FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "EXPOSE", "CMD", "VOLUME"}


def arguments(name: str) -> list[str]:
    """What every instruction of one name is given, in order."""
    return [given for instruction, given in INSTRUCTIONS if instruction == name]


def test_every_line_is_an_instruction() -> None:
    assert {instruction for instruction, _ in INSTRUCTIONS} <= KNOWN
    assert next(instruction for instruction, _ in INSTRUCTIONS if instruction != "ARG") == "FROM"


def test_base_images_have_a_version() -> None:
    bases = dict(given.split("=", 1) for given in arguments("ARG"))
    meant = [re.sub(r"\$(\w+)", lambda name: bases[name[1]], given) for given in arguments("FROM")]
    assert meant
    assert all(re.match(r"\S+:(?!latest)\S+", given) for given in meant)


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    kept = set((ROOT / ".dockerignore").read_text().split())
    sources = [given.split()[0] for given in arguments("COPY") if not given.startswith("--from")]
    assert sources
    assert all((ROOT / source).exists() and f"!{source}" in kept for source in sources)


def test_it_runs_as_somebody_who_is_not_root() -> None:
    assert arguments("USER")[-1] not in ("root", "0")
    assert INSTRUCTIONS.index(("USER", arguments("USER")[-1])) < INSTRUCTIONS.index(("CMD", arguments("CMD")[0]))


def test_packages_are_installed_pinned_and_without_a_cache() -> None:
    installed = [given for given in arguments("RUN") if "pip install" in given]
    assert all("--require-hashes" in given and "--no-cache-dir" in given for given in installed)


def test_its_command_gets_signals_itself() -> None:
    command = json.loads(arguments("CMD")[0])
    assert command[:2] == ["python", "manage.py"]
    assert (ROOT / "platform/foundation/management/commands" / f"{command[2]}.py").exists()


def test_directories_are_absolute() -> None:
    assert all(given.startswith("/") for given in arguments("WORKDIR"))
