"""What every keeper of secrets promises."""

from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.local_secrets import LocalSecrets
from foundation.ports import Secrets
from tests.conformance.processes import at_once, outputs, python

KEEPERS: dict[str, Callable[[Path], Secrets]] = {"embedded": LocalSecrets}


@pytest.fixture
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> Secrets:
    return KEEPERS[request.param](tmp_path)


@pytest.mark.parametrize("secrets", list(KEEPERS), indirect=True)
class TestSecrets:
    def test_what_is_not_there_is_none(self, secrets: Secrets) -> None:
        assert secrets.get("name") is None

    @pytest.mark.parametrize("value", ["secret", "-----BEGIN\nlines\r\n", "žluť 你", " ", "x" * 60_000])
    def test_what_was_put_is_got_to_the_character(self, secrets: Secrets, value: str) -> None:
        secrets.put("name", value)
        assert secrets.get("name") == value

    def test_a_put_goes_over_what_was_there(self, secrets: Secrets) -> None:
        secrets.put("name", "a long first secret")
        secrets.put("name", "second")
        assert secrets.get("name") == "second"

    def test_names_are_apart(self, secrets: Secrets) -> None:
        secrets.put("name", "1")
        secrets.put("name_2", "2")
        assert (secrets.get("name"), secrets.get("name_2"), secrets.get("nam")) == ("1", "2", None)

    def test_create_keeps_the_first_and_returns_what_is_kept(self, secrets: Secrets) -> None:
        assert secrets.create("name", "first") == "first"
        assert secrets.create("name", "second") == "first"
        assert secrets.get("name") == "first"

    def test_many_that_create_at_once_agree(self, secrets: Secrets) -> None:
        told = at_once(16, lambda number: secrets.create("name", f"mine {number}"))
        assert len(set(told)) == 1
        assert secrets.get("name") == told[0]


class TestEmbeddedSecrets:
    def test_processes_that_create_at_once_agree(self, tmp_path: Path) -> None:
        work = "from pathlib import Path\nfrom foundation.local_secrets import LocalSecrets\n"
        work += "for n in range(20): print(LocalSecrets(Path(sys.argv[1])).create(f'name{n}'))"
        told = outputs([python(work, str(tmp_path)) for _ in range(4)])
        assert len(set(told)) == 1
        assert len(set(told[0].split())) == 20

    def test_only_its_owner_can_read_a_secret(self, tmp_path: Path) -> None:
        secrets = LocalSecrets(tmp_path)
        secrets.create("made", "1")
        secrets.put("put", "2")
        assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
        kept = list((tmp_path / "secrets").iterdir())
        assert [file.stat().st_mode & 0o777 for file in kept] == [0o600, 0o600], "and no draft is left"
