# The image of a QudagNode of the upstream profile: the released QuDAG program, and the server's
# program, which asks peers for their ids. Build the server's image first (see Dockerfile), then:
#   docker build -f runtime/qudag-node.Dockerfile -t ghcr.io/qudag/qudag-node:0.5.0 runtime/
ARG SERVER=ghcr.io/qudag/qudag-mcp-server:0.1.0

FROM docker.io/library/rust:1-trixie@sha256:9a2cd304a852f05d3352f75bc2775242371c0169a72dbb40d5d881379d571989 AS program
RUN cargo install qudag-cli@0.5.0 --locked --root /built

FROM ${SERVER}
COPY --from=program /built/bin/qudag /usr/local/bin/qudag
