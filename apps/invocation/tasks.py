"""Messages of the invocation queue. Ids only; the work is in services."""

from apps.invocation import services
from foundation.celery import task


@task("invoke_async", queue="invocation", abandoned=services.abandon_async)
def invoke_async(application: str, invocation: str) -> None:
    services.work_async(application, invocation)
