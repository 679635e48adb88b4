# The image with PostgreSQL's programs, for `taskapi backup` and `restore`: they bring Perl along, which the image that
# serves does without.
ARG TASKAPI_IMAGE=taskapi:latest
FROM ${TASKAPI_IMAGE}
USER 0:0
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends "postgresql-client=1*" \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 65532 -g 65532 -m 0700 /backups
USER 65532:65532
HEALTHCHECK NONE
CMD ["taskapi", "--help"]
