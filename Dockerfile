# splinework on the command line, in one image. To build it, and to work on the tables of the folder one is in:
#   docker build --tag splinework .
#   docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" splinework fit data.csv --target y
# On x86 pip takes torch's build for CUDA, which is several times as large as the one for processors and wants `--gpus all` to be of
# use. For the small one, build with --build-arg TORCH_INDEX=ADDRESS, the address of the index of torch's builds for processors.

ARG PYTHON=3.12

# ---------------------------------------------------------------------------------------------- the wheel
FROM python:${PYTHON}-slim AS build
# Any compiler that the image's Debian has will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# cmake and ninja come from the package index. SPLINEWORK_NATIVE: an image without kernels would be no use, so rather fail.
RUN SPLINEWORK_NATIVE=1 pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# ---------------------------------------------------------------------------------------------- what runs
FROM python:${PYTHON}-slim AS run
ARG TORCH_INDEX=
COPY --from=build /wheels /wheels
# Of two builds of one version pip takes the one with a local label, here +cpu. The wheel has its version in its name.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} /wheels/*.whl \
    && rm -r /wheels \
    && useradd --create-home --uid 1000 splinework \
    && install --directory --owner splinework /data
# Any user may run it, and whoever has no home here still has a place for caches.
ENV MPLCONFIGDIR=/tmp/matplotlib \
    TORCHINDUCTOR_CACHE_DIR=/tmp/inductor
USER 1000
WORKDIR /data
ENTRYPOINT ["splinework"]
CMD ["--help"]
