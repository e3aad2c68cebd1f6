# The page for sales operations in a container. "make dist" builds the wheel; docs/container.md shows how to run it.
FROM python:3.13-slim
COPY requirements.lock dist/invitekit-*.whl /tmp/install/
# The versions of the lock, without its hashes: pip takes none beside a wheel that has no hash.
RUN sed -e '/^ *--hash=/d' -e 's/ *\\$//' /tmp/install/requirements.lock > /tmp/install/versions.txt \
    && set -- /tmp/install/*.whl \
    && pip install --no-cache-dir --only-binary :all: --constraint /tmp/install/versions.txt "$1[lab]" \
    && rm -r /tmp/install \
    && useradd --create-home --uid 1000 partner
USER 1000
ENV HOME=/home/partner
WORKDIR /work
ENTRYPOINT ["invitekit"]
CMD ["app", "--no-browser", "--port", "8899"]
