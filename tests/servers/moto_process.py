"""The process of moto's server, behind the doors that it lacks: `python -m tests.servers.moto_process PORT [ACCESS_KEY …]`."""

import sys
from collections.abc import Sequence

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

from tests.servers.cognito_front import CognitoFront
from tests.servers.s3_front import S3Front
from tests.servers.secrets_front import SecretsFront

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def main(port: int, keys: Sequence[str]) -> None:
    """Serve until killed; who has one of these access keys, or the usual one, has the one secret key."""
    known = dict.fromkeys((KEY, *keys), SECRET)
    application = S3Front(SecretsFront(CognitoFront(DomainDispatcherApplication(create_backend_app))), known)
    run_simple("127.0.0.1", port, application, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
