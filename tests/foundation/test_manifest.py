"""Manifests: what follows from them, and that the code keeps to them."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from foundation.manifest import Capability, Manifest, Queue, capabilities, furnish, minutes, short
from tests.running import ROOT

VENDORS = {
    *("boto3", "botocore", "opensearchpy", "redis", "lancedb", "pyarrow", "onnxruntime", "onnx", "tokenizers", "xllamacpp"),
    *("pypdfium2", "rapidocr", "aiohttp", "sqlite3", "pypdf", "openai", "anthropic", "opentelemetry", "safetensors"),
}
ALL = capabilities("apps")


class House(Capability):
    """Calls the garden."""

    name = "x.house"
    manifest = Manifest(title="House", calls=("x.garden",), queues=(Queue("house", minutes(1), 3),))


class Garden(Capability):
    """Calls the shed, and the house back."""

    name = "x.garden"
    manifest = Manifest(title="Garden", calls=("x.shed", "x.house"), queues=(Queue("garden", minutes(1), 3),))


class Shed(Capability):
    name = "x.shed"
    manifest = Manifest(title="Shed")


class Cloud(Capability):
    name = "x.cloud"
    manifest = Manifest(title="Cloud", platforms=("aws",))


VILLAGE = (House, Garden, Shed, Cloud)


def test_all_serves_what_the_platform_has() -> None:
    assert furnish(VILLAGE, ["all"], "embedded").served == (House, Garden, Shed)
    assert furnish(VILLAGE, ["all"], "aws").served == VILLAGE


def test_what_is_served_brings_all_that_it_calls() -> None:
    house = furnish(VILLAGE, ["house"], "embedded")
    assert (house.served, house.needed) == ((House,), (House, Garden, Shed))
    assert furnish(VILLAGE, ["shed"], "embedded").needed == (Shed,)


def test_queues_are_worked_on_where_they_are_served_and_known_where_they_are_needed() -> None:
    house = furnish(VILLAGE, ["house"], "embedded")
    assert [queue.name for queue in house.queues] == ["house"]
    assert [queue.name for queue in house.known_queues] == ["house", "garden"]


@pytest.mark.parametrize("serve", [["barn"], ["house", "barn"], ["cloud"], [], ["x.house"], ["House"]])
def test_an_unknown_name_is_refused_with_the_known_ones(serve: list[str]) -> None:
    with pytest.raises(ValueError, match="house, garden, shed"):
        furnish(VILLAGE, serve, "embedded")


def test_the_order_of_serve_does_not_matter() -> None:
    assert furnish(VILLAGE, ["shed", "house"], "aws").served == furnish(VILLAGE, ["house", "shed"], "aws").served


def test_minutes_are_minutes() -> None:
    assert minutes(1.5) == timedelta(seconds=90)


def test_no_two_capabilities_share_a_prefix_a_service_a_queue_or_a_table() -> None:
    manifests = [capability.manifest for capability in ALL]
    for shared in (
        [prefix for each in manifests for prefix in each.prefixes],
        [service for each in manifests for service in each.services],
        [queue.name for each in manifests for queue in each.queues],
        [kind.kind.table for each in manifests for kind in each.records],
    ):
        assert len(shared) == len(set(shared)), sorted(shared)


def test_no_prefix_reaches_into_another() -> None:
    prefixes = [f"{prefix}/" for capability in ALL for prefix in capability.manifest.prefixes]
    assert [(one, other) for one in prefixes for other in prefixes if one != other and other.startswith(one)] == []


def test_every_folder_is_written_by_one_capability_and_read_by_those_that_it_may_call_or_be_called_by() -> None:
    writers: dict[str, str] = {}
    for capability in ALL:
        for folder in capability.manifest.files:
            if folder.writes:
                assert folder.name not in writers or folder.name == "uploads", folder.name
                writers[folder.name] = capability.name
    for capability in ALL:
        for folder in capability.manifest.files:
            assert folder.name in writers, f"{capability.name} reads {folder.name}, which nobody writes"


def test_calls_name_capabilities_that_there_are() -> None:
    names = {capability.name for capability in ALL}
    assert {called for capability in ALL for called in capability.manifest.calls} <= names


def test_every_record_is_kept_by_its_own_capability_under_an_owner() -> None:
    for capability in ALL:
        for kind in capability.manifest.records:
            assert kind.__module__.startswith(f"{capability.name}.")
            assert kind.__module__.endswith(".records")


def python_files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, `from a import b` as a.b."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_a_capability_imports_of_another_only_services_and_records_and_only_where_its_manifest_says_so() -> None:
    wrong = []
    for capability in ALL:
        for file in python_files(f"apps/{short(capability)}"):
            for module in imports(file):
                parts = module.split(".")
                if parts[0] != "apps" or parts[1] == short(capability):
                    continue
                called = ".".join(parts[:2]) in capability.manifest.calls
                if not called or parts[2] not in ("services", "records"):
                    wrong.append(f"{file.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_a_manifest_names_no_call_that_is_never_made() -> None:
    for capability in ALL:
        made = {
            ".".join(module.split(".")[:2]) for file in python_files(f"apps/{short(capability)}") for module in imports(file)
        }
        assert [called for called in capability.manifest.calls if called not in made] == []


def test_the_foundation_imports_no_capability() -> None:
    assert [str(file) for file in python_files("platform") for module in imports(file) if module.split(".")[0] == "apps"] == []


def test_a_vendors_package_is_imported_only_by_adapters() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in python_files("platform", "apps")
        for module in imports(file)
        if module.split(".")[0] in VENDORS and "adapters" not in file.parts
    ]
    assert wrong == []


def test_an_adapter_of_one_vendor_is_named_by_no_other_module_than_its_own_adapters() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in python_files("apps")
        for module in imports(file)
        if module.startswith("foundation.adapters.embedded") and "adapters" not in file.parts
    ]
    assert wrong == []


def reads_of_the_environment(file: Path) -> Iterator[int]:
    """Lines that take a value out of the environment; passing it on whole to a child, or setting a variable, is none."""
    tree = ast.parse(file.read_text())
    passed_on = {
        id(value)
        for node in ast.walk(tree)
        for value in (
            [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
            if isinstance(node, ast.Dict)
            else [node.value]
            if (isinstance(node, ast.Attribute) and node.attr in ("setdefault", "update"))
            or (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
            else []
        )
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb") and id(node) not in passed_on:
            yield node.lineno


def test_the_environment_is_read_in_the_settings_alone() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in python_files("platform", "apps")
        if file.name != "settings.py"
        for line in reads_of_the_environment(file)
    ]
    assert wrong == []
