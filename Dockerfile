# cl-anomaly on CPUs: docker build -t cl-anomaly .
# docs/installing.md says how it is run.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
RUN pip install --no-cache-dir "setuptools>=77"
COPY pyproject.toml README.md LICENSE ./
COPY cl_anomaly cl_anomaly
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:${PYTHON}-slim
# Where PyTorch's builds for CPUs are, without gigabytes of libraries for GPUs: docs/installing.md.
ARG TORCH=""
RUN pip install --no-cache-dir ${TORCH} torch torchvision
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl
RUN useradd --create-home --uid 1000 user && mkdir -p /srv/data /srv/results && chown -R user /srv
USER user
WORKDIR /srv
ENV CL_ANOMALY_DATA=/srv/data
VOLUME ["/srv/data", "/srv/results"]
ENTRYPOINT ["cl-anomaly"]
CMD ["--help"]
