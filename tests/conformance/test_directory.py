"""What every directory of OAuth2 clients promises."""

from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.directory import RecordedDirectory
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.errors import NotFound
from foundation.ports import Client, Directory
from tests.conformance.processes import at_once


def embedded(place: Path) -> RecordedDirectory:
    return RecordedDirectory(SqliteRecords(Database(place / "records.db", SCHEMA)))


DIRECTORIES: dict[str, Callable[[Path], Directory]] = {"embedded": embedded}


@pytest.fixture
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Directory:
    return DIRECTORIES[request.param](tmp_path)


def good(directory: Directory, client: str, *secrets: str) -> list[bool]:
    """Which of the secrets are the client's."""
    return [directory.authenticate(client, secret) is not None for secret in secrets]


@pytest.mark.parametrize("directory", list(DIRECTORIES), indirect=True)
class TestDirectory:
    def test_a_new_client_is_active_and_knows_its_application(self, directory: Directory) -> None:
        made = directory.create("application", "Name")
        client = Client(made.client, "application", True)
        assert directory.find(made.client) == client
        assert directory.authenticate(made.client, made.secret) == client

    def test_no_two_clients_and_no_two_secrets_are_alike(self, directory: Directory) -> None:
        made = [directory.create("application", "Name") for _ in range(50)]
        assert len({each.client for each in made}) == len({each.secret for each in made}) == 50
        assert min(len(each.secret) for each in made) >= 40

    @pytest.mark.parametrize("client", ["", "nobody", "\0", "\u202e", "\ud800", "x" * 10_000, "*"])
    def test_an_unknown_client_is_nobody(self, directory: Directory, client: str) -> None:
        assert directory.find(client) is None
        assert directory.authenticate(client, "secret") is None
        assert directory.delete(client) is False
        for change in (lambda: directory.set_active(client, True), lambda: directory.rotate(client)):
            with pytest.raises(NotFound):
                change()
        with pytest.raises(NotFound):
            directory.revoke_old(client)

    def test_only_its_own_secret_is_good(self, directory: Directory) -> None:
        made, other = directory.create("a", "A"), directory.create("b", "B")
        wrong = ["", other.secret, made.secret + " ", made.secret[:-1], made.secret.swapcase(), "\0", "\ud800", "é"]
        assert good(directory, made.client, *wrong) == [False] * len(wrong)

    def test_an_inactive_client_is_known_as_inactive_until_it_is_let_in_again(self, directory: Directory) -> None:
        made = directory.create("a", "A")
        for active in (False, False, True, True):
            directory.set_active(made.client, active)
            assert directory.find(made.client) == Client(made.client, "a", active)
            assert directory.authenticate(made.client, made.secret) == Client(made.client, "a", active)

    def test_rotation_keeps_the_newest_two(self, directory: Directory) -> None:
        first = directory.create("a", "A")
        second, third = directory.rotate(first.client), None
        assert second.client == first.client
        assert good(directory, first.client, first.secret, second.secret) == [True, True]
        third = directory.rotate(first.client)
        assert good(directory, first.client, first.secret, second.secret, third.secret) == [False, True, True]

    def test_revoking_the_old_ends_all_but_the_newest(self, directory: Directory) -> None:
        first = directory.create("a", "A")
        assert directory.revoke_old(first.client) == 0
        second = directory.rotate(first.client)
        assert directory.revoke_old(first.client) == 1
        assert good(directory, first.client, first.secret, second.secret) == [False, True]
        assert directory.revoke_old(first.client) == 0

    def test_rotations_at_once_leave_two_that_were_handed_out(self, directory: Directory) -> None:
        made = directory.create("a", "A")
        secrets = at_once(4, lambda _: directory.rotate(made.client).secret)
        assert good(directory, made.client, *secrets).count(True) == 2

    def test_a_deleted_client_is_gone_with_its_secrets(self, directory: Directory) -> None:
        made = directory.create("a", "A")
        assert directory.delete(made.client) is True
        assert directory.find(made.client) is None
        assert good(directory, made.client, made.secret) == [False]
        assert directory.delete(made.client) is False


class TestEmbeddedDirectory:
    def test_a_secret_is_nowhere_in_the_data_folder(self, tmp_path: Path) -> None:
        directory = embedded(tmp_path)
        made = directory.create("a", "A")
        secrets = [made.secret, directory.rotate(made.client).secret]
        directory.authenticate(made.client, made.secret)
        kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
        assert made.client.encode() in kept
        assert not [secret for secret in secrets if secret.encode() in kept]

    def test_two_clients_with_one_secret_would_not_look_alike(self) -> None:
        from foundation.adapters.embedded.directory import hashed, matches

        assert hashed("secret") != hashed("secret")
        assert matches("secret", hashed("secret"))
        assert not matches("other", hashed("secret"))
