"""What every directory of OAuth2 clients promises."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import KeySet

from foundation.adapters.aws.clients import client as client_of
from foundation.adapters.aws.directory import CognitoDirectory
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.directory import RecordedDirectory
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.apps import RegisteredClient
from foundation.errors import NotFound, Unavailable
from foundation.ports import SCOPE, Client, Credentials, Directory
from foundation.records import Records
from tests.conformance.processes import at_once
from tests.servers.moto import Moto, secrets_of


def records_in(place: Path) -> Records:
    return SqliteRecords(Database(place / "records.db", SCHEMA))


def embedded(place: Path) -> RecordedDirectory:
    return RecordedDirectory(records_in(place))


def cognito(moto: Moto, deployment: str, place: Path) -> CognitoDirectory:
    """A directory with a pool of its own. Its records are embedded ones: those of DynamoDB have tests of their own."""
    pool = moto.pool(deployment)
    settings = moto.settings(DEPLOYMENT=deployment, **moto.told_of(pool))
    with moto.reached():
        return CognitoDirectory(settings, client_of("cognito-idp", settings), records_in(place), secrets_of(moto, deployment))


DIRECTORIES: dict[str, Callable[[pytest.FixtureRequest], Directory]] = {
    "embedded": lambda request: embedded(request.getfixturevalue("tmp_path")),
    "aws": lambda request: request.getfixturevalue("on_cognito"),
}


@pytest.fixture
def on_cognito(moto: Moto, deployment: str, tmp_path: Path) -> CognitoDirectory:
    return cognito(moto, deployment, tmp_path)


@pytest.fixture
def directory(request: pytest.FixtureRequest) -> Directory:
    return DIRECTORIES[request.param](request)


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


def token_of(directory: CognitoDirectory, made: Credentials, **form: str) -> "requests.Response":
    """What the domain's token endpoint answers to a client."""
    asked = {"grant_type": "client_credentials", "client_id": made.client, "scope": SCOPE, **form}
    return requests.post(f"{directory.domain}/oauth2/token", data=asked, auth=(made.client, made.secret), timeout=10)


class TestCognitoDirectory:
    """What only Cognito is and does; tests/servers/cognito_front.py holds every request to what AWS's model says of it."""

    def test_a_client_may_have_tokens_by_its_own_credentials_for_the_platforms_scope_alone(
        self, on_cognito: CognitoDirectory
    ) -> None:
        made = on_cognito.create("a", "A")
        told = on_cognito.cognito.describe_user_pool_client(UserPoolId=on_cognito.pool, ClientId=made.client)["UserPoolClient"]
        assert (told["AllowedOAuthFlows"], told["AllowedOAuthScopes"]) == (["client_credentials"], [SCOPE])
        assert (told["AccessTokenValidity"], told["TokenValidityUnits"]["AccessToken"]) == (3600, "seconds")
        answers = [token_of(on_cognito, made, **form) for form in ({}, {"scope": "other/scope"}, {"grant_type": "password"})]
        assert [answer.status_code for answer in answers] == [200, 400, 400]

    def test_a_token_is_signed_by_a_key_that_the_issuer_publishes_and_names_pool_client_and_scope(
        self, on_cognito: CognitoDirectory
    ) -> None:
        made = on_cognito.create("a", "A")
        token = token_of(on_cognito, made).json()["access_token"]
        keys = KeySet.import_key_set(requests.get(f"{on_cognito.domain}/.well-known/jwks.json", timeout=10).json())
        claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        wanted = {"iss": on_cognito.domain, "token_use": "access", "client_id": made.client, "scope": SCOPE}
        assert {name: claims[name] for name in wanted} == wanted
        assert "aud" not in claims

    def test_the_newest_secret_is_kept_where_its_reference_says(self, on_cognito: CognitoDirectory) -> None:
        first = on_cognito.create("a", "A")
        assert first.reference == f"{first.client}_client_secret"
        assert on_cognito.secrets.get(first.reference) == first.secret
        second = on_cognito.rotate(first.client)
        assert on_cognito.secrets.get(second.reference) == second.secret != first.secret
        on_cognito.delete(first.client)
        assert on_cognito.secrets.get(first.reference) is None

    def test_no_secret_is_in_a_record(self, on_cognito: CognitoDirectory) -> None:
        made = on_cognito.create("a", "A")
        secrets = [made.secret, on_cognito.rotate(made.client).secret]
        kept = repr(on_cognito.records.get(RegisteredClient, made.client))
        assert made.client in kept
        assert not [secret for secret in secrets if secret in kept]

    @pytest.mark.parametrize("name", ["", "Ärzte & Söhne <b>", "\U0001f600" * 200, "a\nb\tc", "x" * 1000])
    def test_any_name_that_people_give_is_taken(self, on_cognito: CognitoDirectory, name: str) -> None:
        made = on_cognito.create("a", name)
        kept = on_cognito.records.get(RegisteredClient, made.client)
        assert kept is not None and kept.name == name

    def test_a_client_that_another_pool_made_is_nobody(self, moto: Moto, on_cognito: CognitoDirectory, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        other = cognito(moto, "another-deployment", tmp_path / "other")
        made = other.create("a", "A")
        assert on_cognito.find(made.client) is None
        assert on_cognito.authenticate(made.client, made.secret) is None

    def test_a_client_whose_making_broke_off_leaves_nothing_behind(self, on_cognito: CognitoDirectory, tmp_path: Path) -> None:
        (tmp_path / "records.db").mkdir()  # no file can be there
        with pytest.raises(Unavailable):
            on_cognito.create("a", "A")
        assert on_cognito.cognito.list_user_pool_clients(UserPoolId=on_cognito.pool)["UserPoolClients"] == []

    def test_a_pool_that_does_not_answer_is_unavailable_and_no_wrong_secret(self, moto: Moto, tmp_path: Path) -> None:
        away = Moto("http://127.0.0.1:1")
        settings = away.settings(APPLICATIONS_DOMAIN=away.url)
        with away.reached():
            directory = CognitoDirectory(
                settings, client_of("cognito-idp", settings), records_in(tmp_path), secrets_of(away, "away")
            )
        directory.records.put(RegisteredClient("known", "a", "A", True, ()))
        tries: list[Callable[[], Any]] = [
            lambda: directory.create("a", "A"),
            lambda: directory.rotate("known"),
            lambda: directory.authenticate("known", "secret"),
        ]
        for work in tries:
            with pytest.raises(Unavailable):
                work()

    def test_the_server_refuses_what_cognito_refuses(self, moto: Moto, on_cognito: CognitoDirectory) -> None:
        made = on_cognito.create("a", "A")
        on_cognito.rotate(made.client)
        manager: Any = moto.client("cognito-idp")
        place = {"UserPoolId": on_cognito.pool, "ClientId": made.client}
        for work in (
            lambda: manager.create_user_pool_client(UserPoolId=on_cognito.pool, ClientName="<b>"),
            lambda: manager.add_user_pool_client_secret(**place),
            lambda: manager.delete_user_pool_client_secret(**place, ClientSecretId="another"),
        ):
            with pytest.raises(ClientError):
                work()
