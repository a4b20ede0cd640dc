# One image for web, worker and beat; compose.yaml says which one a container is.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 XQ_DATA_DIR=/data XQ_HOST=0.0.0.0
WORKDIR /app
# A static busybox is what the sample service's image is made of.
RUN apt-get update -q && apt-get install -y -q --no-install-recommends busybox-static && rm -rf /var/lib/apt/lists/*
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
RUN useradd --system --uid 10001 xq && mkdir /data && chown xq /data
USER xq
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "xqplatform.run.web"]
