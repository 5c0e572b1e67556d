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
# PyTorch's own index has builds for CPUs, without gigabytes of libraries for GPUs.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl
RUN useradd --create-home --uid 1000 user && mkdir -p /data /work/results && chown -R user /data /work
USER user
WORKDIR /work
ENV CL_ANOMALY_DATA=/data
VOLUME ["/data", "/work/results"]
ENTRYPOINT ["cl-anomaly"]
CMD ["--help"]
