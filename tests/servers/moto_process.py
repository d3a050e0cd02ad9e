"""The process of moto's server, behind the doors that it lacks: `python -m tests.servers.moto_process PORT`."""

import sys

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

from tests.servers.cognito_front import CognitoFront
from tests.servers.s3_front import S3Front
from tests.servers.secrets_front import SecretsFront

KEYS = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def main(port: int) -> None:
    """Serve until killed."""
    application = S3Front(SecretsFront(CognitoFront(DomainDispatcherApplication(create_backend_app))), KEYS)
    run_simple("127.0.0.1", port, application, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(int(sys.argv[1]))
