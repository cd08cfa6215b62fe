# The images, from source: `docker build .` ends in the executable under all of its names and
# nothing else, `docker build --target debian .` in a usual image with services.
#
# Tags move. For the same bytes each time name the bases by their digests:
#   docker buildx imagetools inspect docker.io/library/node:22-bookworm-slim   # prints "Digest:"
#   docker build --build-arg BASE=docker.io/library/node@sha256:... \
#     --build-arg DEBIAN=docker.io/library/debian@sha256:... .
ARG BASE=docker.io/library/node:22-bookworm-slim
ARG DEBIAN=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
WORKDIR /src
COPY scripts/setup.sh scripts/
RUN sh scripts/setup.sh build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
WORKDIR /image/usr/share/doc/trinit
RUN cp /src/LICENSE /src/NOTICE . \
 && mkdir -p /image/etc/service /image/run /image/sbin \
 && mkdir -m 1777 /image/tmp \
 && cp -r /src/dist/bin /src/dist/trinit /image/ \
 && ln -s ../trinit /image/sbin/init

# What other images copy from: /trinit, /bin/NAME -> ../trinit.
FROM scratch AS trinit
COPY --from=build /image /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["/trinit", "entrypoint"]

# A web server that the container lives and dies with, a worker, and cron: all of them busybox's,
# which tell their lines to nobody but us.
FROM ${DEBIAN} AS debian
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static \
 && rm -rf /var/lib/apt/lists/*
COPY --from=trinit /trinit /sbin/
RUN ["/sbin/trinit", "install", "/sbin"]
COPY sv/httpd/ /etc/service/web/
COPY sv/beat/ /etc/service/worker/
COPY sv/cron/ /etc/service/cron/
# Without log/ their lines are the container's; without `essential` web would be started again.
RUN rm -r /etc/service/*/log && touch /etc/service/web/essential \
 && echo 8080 >/etc/service/web/conf/port \
 && mkdir -p /var/www && echo hello >/var/www/index.html
EXPOSE 8080
ENTRYPOINT ["/sbin/trinit", "entrypoint"]

# The one that is built where none is named.
FROM trinit
