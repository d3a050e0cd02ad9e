# ENGINES=embedded adds the engines that run in the containers themselves.
# One image for every service and every worker; SERVE says which capability a container is, its command which of the two.
ARG BASE=python:3.11-slim-bookworm
FROM $BASE AS packages
ARG ENGINES=
COPY requirements.txt /
COPY requirements-embedded.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /requirements.txt \
    ${ENGINES:+-r /requirements-$ENGINES.txt}

FROM $BASE
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app:/app/platform PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=foundation.configuration HOST=0.0.0.0
COPY --from=packages /venv /venv
COPY manage.py /app/
COPY platform /app/platform
COPY apps /app/apps
COPY templates /app/templates
COPY static /app/static
WORKDIR /app
RUN useradd --system --uid 10001 foundation && install --directory --owner=10001 --mode=700 /data
VOLUME ["/data", "/tmp"]
USER 10001
EXPOSE 8000
CMD ["python", "manage.py", "web"]
