# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH ./scripts/build.sh /out/mlsync "$VERSION" \
 && mkdir -m 0700 /out/data \
 && printf 'nonroot:x:65532:65532::/data:/sbin/nologin\n' > /out/passwd

# Nothing but the program, certificate authorities, time zones and a user.
FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="mlsync" \
      org.opencontainers.image.description="Keeps Azure ML workspaces as git says" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/local/go/lib/time/zoneinfo.zip
COPY --from=build /out/passwd /etc/passwd
COPY --from=build /out/mlsync /usr/local/bin/mlsync
COPY --from=build --chown=65532:65532 /out/data /data
ENV ZONEINFO=/usr/local/go/lib/time/zoneinfo.zip
USER 65532:65532
VOLUME /data
EXPOSE 8080
# No HEALTHCHECK: the image has no shell and no client, and the daemon answers
# /healthz and /readyz, which is what orchestrators probe.
ENTRYPOINT ["/usr/local/bin/mlsync"]
CMD ["daemon", "--config", "/etc/mlsync/mlsync.yaml", "--data", "/data", "--listen", ":8080"]
