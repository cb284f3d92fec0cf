# The host: a machine that makes and verifies records. `docker build -t retouch .`, then
#   docker run --rm --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN \
#     -v "$PWD/submissions:/home/host/submissions" retouch verify NAME
# The sandbox makes namespaces of its own; a container's default profile forbids them.
FROM python:3.12-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap git && rm -rf /var/lib/apt/lists/*
COPY .github/constraints.txt /src/.github/
RUN pip install --no-cache-dir --require-hashes -r /src/.github/constraints.txt
COPY . /src
RUN pip install --no-cache-dir --no-deps --no-build-isolation /src && useradd --create-home --uid 1000 host
USER 1000
WORKDIR /home/host
ENV OMP_NUM_THREADS=1
ENTRYPOINT ["retouch"]
CMD ["--help"]
