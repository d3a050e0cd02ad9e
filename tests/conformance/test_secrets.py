"""What every keeper of secrets promises."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from foundation.errors import Unavailable
from foundation.local_secrets import LocalSecrets
from foundation.ports import Secrets
from tests.conformance.processes import at_once, outputs, python
from tests.servers.moto import Moto, secrets_of

KEEPERS: dict[str, Callable[[pytest.FixtureRequest], Secrets]] = {
    "embedded": lambda request: LocalSecrets(request.getfixturevalue("tmp_path")),
    "aws": lambda request: secrets_of(request.getfixturevalue("moto"), request.getfixturevalue("deployment")),
}


@pytest.fixture
def secrets(request: pytest.FixtureRequest) -> Secrets:
    return KEEPERS[request.param](request)


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


class TestSecretsManager:
    """What only Secrets Manager is and does."""

    def test_a_deployments_secrets_are_under_its_name_and_out_of_reach_of_another(self, moto: Moto, deployment: str) -> None:
        secrets_of(moto, deployment).put("name", "1")
        manager: Any = moto.client("secretsmanager")
        assert manager.get_secret_value(SecretId=f"{deployment}/name")["SecretString"] == "1"
        assert secrets_of(moto, f"{deployment}x").get("name") is None

    @pytest.mark.parametrize("key", ["arn:aws:kms:us-west-2:123456789012:key/of-the-deployment", ""])
    def test_what_is_made_at_run_time_is_encrypted_by_the_deployments_key(self, moto: Moto, deployment: str, key: str) -> None:
        kept = secrets_of(moto, deployment, SECRETS_KEY=key)
        kept.put("put", "1")
        kept.create("created", "2")
        manager: Any = moto.client("secretsmanager")
        for name in ("put", "created"):
            assert manager.describe_secret(SecretId=f"{deployment}/{name}").get("KmsKeyId", "") == key

    def test_processes_that_create_at_once_agree(self, moto: Moto, deployment: str) -> None:
        work = (
            "from foundation.adapters.aws import secrets\n"
            "from tests.servers.moto import Moto\n"
            "kept = secrets.adapter(Moto(sys.argv[1]).settings(DEPLOYMENT=sys.argv[2]))\n"
            "for n in range(10): print(kept.create(f'name{n}', f'{n} {sys.argv[3]}'))"
        )
        started = [python(work, moto.url, deployment, each, **moto.environment) for each in "ab"]
        told = outputs(started)
        assert told[0] == told[1] and len(told[0].splitlines()) == 10

    def test_a_deleted_secret_is_gone_and_its_name_free_at_once(self, moto: Moto, deployment: str) -> None:
        secrets = secrets_of(moto, deployment)
        secrets.put("name", "1")
        for _ in range(2):
            secrets.delete("name")
            assert secrets.get("name") is None
        assert secrets.create("name", "2") == "2"

    def test_a_keeper_that_does_not_answer_is_unavailable(self, deployment: str) -> None:
        secrets = secrets_of(Moto("http://127.0.0.1:1"), deployment)
        for work in (lambda: secrets.get("a"), lambda: secrets.put("a", "1"), lambda: secrets.create("a", "1")):
            with pytest.raises(Unavailable):
                work()

    def test_the_server_refuses_what_secrets_manager_refuses(self, moto: Moto) -> None:
        manager: Any = moto.client("secretsmanager")
        for name, value in (("with space", "x"), ("a" * 513, "x"), ("long", "x" * 65_537)):
            with pytest.raises(ClientError):
                manager.create_secret(Name=name, SecretString=value)
