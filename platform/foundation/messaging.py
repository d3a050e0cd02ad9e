"""Celery's configuration: a message is done when its work is, and a worker asks for no more than it can work on at once."""

from importlib import import_module

from kombu import Queue

from foundation.settings import CHOSEN, HOUSE

_broker = import_module(f"foundation.adapters.{CHOSEN.platform}.queues").broker(CHOSEN)

broker_url = _broker.url
broker_transport = _broker.transport
broker_transport_options = _broker.options
broker_connection_retry_on_startup = True
task_queues = tuple(Queue(queue.name, routing_key=queue.name) for queue in HOUSE.queues)
task_create_missing_queues = False
task_acks_late = True
task_acks_on_failure_or_timeout = False
task_reject_on_worker_lost = True
task_ignore_result = True
task_serializer = "json"
accept_content = ["json"]
worker_pool = "threads"
worker_concurrency = CHOSEN.worker_concurrency
worker_prefetch_multiplier = 1
worker_disable_rate_limits = True
worker_enable_remote_control = False
worker_send_task_events = False
worker_hijack_root_logger = False
worker_redirect_stdouts = False
