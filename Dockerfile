# One static binary in an empty image: no shell, no packages, no root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /crier ./cmd/crier \
 && mkdir -m 0700 /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /crier /crier
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENV CRIER_LISTEN=0.0.0.0:8080 CRIER_DATA=/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/crier"]
CMD ["serve"]
