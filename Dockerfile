# docker build -t vsr .
# docker run --rm -v "$PWD:/videos" vsr run clip.mp4
# docker run --rm -p 8080:8080 -p 8189:8189/udp -v "$PWD/token:/token:ro" vsr live --listen 0.0.0.0:8080 --udp 0.0.0.0:8189 --tls-self-signed --token-file /token
# (openssl rand -hex 16 >token; docs/live.md; the health check asks its page)
# For an NVIDIA GPU: docker build --build-arg TAGS=nvidia, and docker run --gpus all (NVIDIA's container runtime). NOTICE says what that build holds.
FROM golang:1.26-trixie AS build
RUN apt-get update -q && apt-get install -y -q --no-install-recommends gcc libc6-dev pkg-config git libavcodec-dev libavdevice-dev \
    libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TAGS=
ARG VERSION=
RUN scripts/deps.sh && export GOFLAGS="$(cat build/ffmpeg.flags)" && . scripts/cuda-env.sh && \
    go build -tags "$TAGS" -trimpath -ldflags "-s -w -X main.version=${VERSION:-$(cat VERSION)}" -o /out/vsr ./cmd/vsr

FROM debian:trixie-slim
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libavcodec61 libavdevice61 libavfilter10 libavformat61 libavutil59 \
    libswresample5 libswscale8 ca-certificates curl && rm -rf /var/lib/apt/lists/* && useradd --create-home --uid 1000 vsr && \
    mkdir /videos && chown vsr /videos
COPY --from=build /out/vsr /usr/local/bin/vsr
COPY LICENSE NOTICE /usr/share/doc/vsr/
USER vsr
WORKDIR /videos
VOLUME /videos
EXPOSE 8080
# Only vsr live listens; for every other command the check has nothing to ask and passes.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD grep -qa live /proc/1/cmdline || exit 0; curl -ksS -o /dev/null https://127.0.0.1:8080/ || curl -sS -o /dev/null http://127.0.0.1:8080/
ENTRYPOINT ["vsr"]
CMD ["--help"]
