# One image for `taskapi serve`, `worker`, `scheduler` and `migrate`, and for `gunicorn -w 4 -b 0.0.0.0:5000 app:app`.
# deploy/docker/README.md says more.

FROM python:3.11-slim AS build
WORKDIR /build
# What `deploy/docker/slim` takes the symbols of debuggers off with.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends binutils=2.* \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --without-pip /opt/taskapi
COPY requirements.txt .
RUN python3 -m pip --python /opt/taskapi/bin/python install -q --no-cache-dir --no-compile --disable-pip-version-check \
      --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python3 -m pip --python /opt/taskapi/bin/python install -q --no-cache-dir --no-compile --disable-pip-version-check \
      --no-deps --no-build-isolation .
COPY deploy/docker/slim .
RUN ./slim /opt/taskapi

FROM python:3.11-slim
COPY --from=build /opt/taskapi /opt/taskapi
COPY app.py /srv/taskapi/
# The file system may be read-only: what is written is below TASKAPI_HOME, and what gunicorn writes in memory.
ENV PATH=/opt/taskapi/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TASKAPI_HOME=/var/lib/taskapi \
    TASKAPI_LOG_FILE=off \
    TASKAPI_ENV=production \
    GUNICORN_CMD_ARGS="--worker-tmp-dir /dev/shm"
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/taskapi /var/lib/taskapi/files /var/lib/taskapi/mail \
 && install -d -o 65532 -g 65532 -m 0755 /assets
USER 65532:65532
WORKDIR /srv/taskapi
VOLUME /var/lib/taskapi
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["taskapi", "probe"]
CMD ["taskapi", "serve", "--host", "0.0.0.0"]
