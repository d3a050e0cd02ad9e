"""What is remembered of an application; its client and secrets are the directory's."""

from datetime import datetime

from foundation.records import Record, record

PLATFORM = "platform"


@record(table="applications", key=("owner", "application"), indexes={"by_created": ("owner", "created")})
class Application(Record):
    """An onboarded application. `owner` is always the platform: applications are the one thing that no application owns."""

    application: str
    name: str
    description: str
    client: str
    created: datetime
    active: bool = True
    owner: str = PLATFORM


@record(table="application_names", key=("owner", "name"))
class ApplicationName(Record):
    """Holds a name for one application, so that two with one name cannot be made at once. `name` is in lower case."""

    name: str
    application: str
    owner: str = PLATFORM
