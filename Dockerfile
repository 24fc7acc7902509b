# syntax=docker/dockerfile:1
# make docker builds it; docs/docker.md says what the image holds and distributes.

# CUDA 13.0 is that of torch's own packages on PyPI, which bring cuBLAS, cuDNN and NCCL with them. So
# the flavour `base` suffices: it adds NVIDIA's compatibility libraries for older drivers; `runtime`
# would hold the other libraries a second time (2 GB).
FROM nvidia/cuda:13.0.2-base-ubuntu24.04@sha256:2ab6381d970b211fb93853796dc6707eb8a72575a375c422b17cf4d8b2641701 AS setup

ENV DEBIAN_FRONTEND=noninteractive
# DVC needs git, pods reach other machines with ssh; make runs this repository's Makefile.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates git make openssh-client python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# Python packages have a layer of their own, which an edit of the code leaves in the cache. USES names
# files of requirements/; without `audio`, x264 and x265 stay out, which are under the GPL.
ARG USES="audio trackers serve"
COPY conf/constraints.txt /opt/setup/conf/constraints.txt
COPY requirements.txt /opt/setup/requirements.txt
COPY requirements /opt/setup/requirements
WORKDIR /opt/setup
RUN python3 -m venv /opt/venv \
    && set -- --requirement requirements.txt \
    && for use in $USES; do set -- "$@" --requirement "requirements/$use.txt"; done \
    && /opt/venv/bin/pip install --no-cache-dir "$@"
ENV PATH=/opt/venv/bin:$PATH \
    VIRTUAL_ENV=/opt/venv \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# Ubuntu's image has a user 1000 of its own, with another home.
ARG USER_ID=1000
RUN if id ubuntu > /dev/null 2>&1; then userdel --remove ubuntu; fi \
    && useradd --create-home --uid "$USER_ID" asr \
    && install --directory --owner asr --group asr /home/asr/.cache
WORKDIR /repo

# The environment alone: DVC needs Git's history, so the code comes as a clone or a mounted folder.
FROM setup AS train
RUN chown asr: /repo
USER $USER_ID
CMD ["dvc", "repro"]

# The code too, which its user can't change: any command runs, on a model that is mounted.
FROM setup AS serve
COPY asr /repo/asr
COPY commands /repo/commands
COPY conf /repo/conf
COPY params.yaml /repo/params.yaml
USER $USER_ID
EXPOSE 8000
ENTRYPOINT ["python", "-m"]
# A container's network is not this machine's alone: the server asks for API keys.
CMD ["commands.serve", "--host", "0.0.0.0"]
