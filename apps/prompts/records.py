"""What prompts remember: every version of a template, and which version of each name is the latest."""

from datetime import datetime

from foundation.records import Record, record


@record(table="prompt_versions", key=("application", "name", "version"))
class TemplateVersion(Record, frozen=True):
    """One version of a template; never changed once it is saved."""

    application: str
    name: str
    version: int
    id: str
    text: str
    created: datetime


@record(table="prompt_latest", key=("application", "name"))
class LatestTemplate(Record, frozen=True):
    """The latest version of a name."""

    application: str
    name: str
    version: int
