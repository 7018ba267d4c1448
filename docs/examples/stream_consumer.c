/* SPDX-License-Identifier: MIT */
/*
 * stream_consumer [FILE [FRAMES]]: prints the windows of all VMs and of this
 * kernel, follows the first one for so many frames (1), and saves the last of
 * them to FILE as a PPM.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdmabuf/consumer.h>

#include "ppm.h"

enum { PATIENCE_MS = 60000 };

#define FOURCC(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* 0, or what is wrong. */
static const char* save(const struct vdmabuf_image_info* image, const char* path) {
    const struct vdmabuf_plane* plane = &image->planes[0];
    const void* address;
    size_t length;
    int red, failed;

    if (image->fourcc == FOURCC('X', 'R', '2', '4') || image->fourcc == FOURCC('A', 'R', '2', '4'))
        red = 2;
    else if (image->fourcc == FOURCC('X', 'B', '2', '4') ||
             image->fourcc == FOURCC('A', 'B', '2', '4'))
        red = 0;
    else
        return "a pixel format that this example does not know";
    if (image->modifier != 0 || image->nr_planes != 1) return "not a linear image";
    /* The broker has checked this; whoever reads memory checks it all the same. */
    if (plane->pitch < (uint64_t)image->width * 4 || plane->offset > image->memory->bytes ||
        plane->pitch > (image->memory->bytes - plane->offset) / image->height)
        return "an image that does not lie in its memory";
    if (vdmabuf_map(image->memory, &address, &length) < 0) return vdmabuf_consumer_error(NULL);
    failed =
        write_ppm(path, (const unsigned char*)address + plane->offset, image->width, image->height,
                  plane->pitch, red, 2 - red, (image->flags & VDMABUF_IMAGE_Y_FLIP) != 0);
    vdmabuf_unmap(address, length);
    return failed ? "the file cannot be written" : NULL;
}

int main(int argc, char** argv) {
    const char* path = argc > 1 ? argv[1] : "frame.ppm";
    const long wanted = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    struct vdmabuf_consumer_options options = {
        .size = sizeof options,
        .flags = VDMABUF_CONSUMER_WAIT,
    };
    struct vdmabuf_consumer* consumer;
    uint64_t stream = 0, held = 0; /* of a frame: the one that is not released */
    long frames = 0;
    int rc;

    rc = vdmabuf_consumer_open(&options, &consumer);
    if (rc < 0) {
        fprintf(stderr, "stream_consumer: %s\n", vdmabuf_consumer_error(NULL));
        return 1;
    }
    while (rc >= 0) {
        struct pollfd wait = {vdmabuf_consumer_fd(consumer), POLLIN, 0};
        struct vdmabuf_consumer_event event = {.size = sizeof event};

        rc = vdmabuf_consumer_dispatch(consumer, &event);
        if (rc < 0) break;
        if (rc == 0) {
            if (poll(&wait, 1, PATIENCE_MS) == 0) {
                fprintf(stderr, "stream_consumer: nothing comes\n");
                return 1;
            }
            continue;
        }
        switch (event.type) {
            case VDMABUF_CONSUMER_STREAM_ADDED:
                printf("stream %llu: %s%s%s \"%s\" %ux%u\n", (unsigned long long)event.stream->id,
                       event.stream->vm, *event.stream->vm ? "/" : "", event.stream->app,
                       event.stream->title, event.stream->width, event.stream->height);
                if (stream == 0) {
                    stream = event.stream->id;
                    rc = vdmabuf_consumer_attach(consumer, stream);
                }
                break;
            case VDMABUF_CONSUMER_STREAM_REMOVED:
                if (event.stream->id == stream) {
                    vdmabuf_consumer_detach(consumer, stream);
                    stream = held = 0;
                }
                break;
            case VDMABUF_CONSUMER_IMAGE_ADDED:
                printf("image %llu: %ux%u %.4s, pitch %llu, %s\n",
                       (unsigned long long)event.image->id, event.image->width, event.image->height,
                       (const char*)&event.image->fourcc,
                       (unsigned long long)event.image->planes[0].pitch,
                       event.image->memory->kind == VDMABUF_MEMORY_DMABUF ? "dmabuf" : "runs");
                vdmabuf_consumer_imported(consumer, event.image->stream, event.image->id,
                                          VDMABUF_IMPORT_COPY, "written to a file");
                break;
            case VDMABUF_CONSUMER_IMAGE_GONE:
                vdmabuf_consumer_image_done(consumer, event.image->stream, event.image->id);
                break;
            case VDMABUF_CONSUMER_FRAME: {
                const uint64_t serial = event.frame->serial;
                const uint64_t image = event.frame->image;

                /* Complete, and nobody changes it before it is released. */
                if (++frames == wanted) {
                    const char* wrong = save(vdmabuf_consumer_image(consumer, stream, image), path);

                    if (wrong)
                        fprintf(stderr, "stream_consumer: %s\n", wrong);
                    else
                        printf("frame %llu saved\n", (unsigned long long)serial);
                    vdmabuf_consumer_close(consumer);
                    return wrong ? 1 : 0;
                }
                /* Asks for the next one; this one is kept until that has come. */
                rc = vdmabuf_consumer_presented(consumer, stream, serial, 0, 0, 1);
                if (held && rc == 0) rc = vdmabuf_consumer_release(consumer, stream, held);
                held = serial;
                break;
            }
            case VDMABUF_CONSUMER_DISCONNECTED:
                stream = held = 0;
                break;
            default:
                break;
        }
    }
    fprintf(stderr, "stream_consumer: %s\n", vdmabuf_consumer_error(consumer));
    return 1;
}
