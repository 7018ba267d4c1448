/* SPDX-License-Identifier: MIT */
/*
 * raw_consumer [TOPIC [FILE]]: takes the raw buffer that raw_producer offers in
 * any VM (or on this kernel), compares every frame with the pattern byte by
 * byte, writes the last one to FILE as a PPM, and answers each.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdmabuf/consumer.h>

#include "pattern.h"
#include "ppm.h"

enum { PATIENCE_MS = 120000 };

struct picture {
    const unsigned char* pixels; /* mapped once, before the first frame is drawn */
    size_t length;
    uint32_t width, height, pitch;
    uint8_t id[VDMABUF_RAW_ID_SIZE];
};

/* What the producer says of its layout, checked: it may say anything. */
static int read_layout(const struct vdmabuf_raw_buffer* buffer, struct picture* picture) {
    char text[64] = "";

    if (buffer->message_bytes >= sizeof text) return -1;
    memcpy(text, buffer->message, buffer->message_bytes);
    if (sscanf(text, "%u %u %u", &picture->width, &picture->height, &picture->pitch) != 3)
        return -1;
    if (picture->width < 1 || picture->width > 16384 || picture->height < 1 ||
        picture->height > 16384 || picture->pitch < picture->width * 4)
        return -1;
    return (uint64_t)picture->pitch * picture->height <= buffer->memory->bytes ? 0 : -1;
}

/* Bytes that differ from the pattern. */
static unsigned long differences(const struct picture* picture, uint32_t frame) {
    unsigned long count = 0;
    uint32_t x, y, i;

    for (y = 0; y < picture->height; y++)
        for (x = 0; x < picture->width; x++) {
            const uint32_t expected = pattern(x, y, frame);
            const unsigned char* pixel =
                picture->pixels + (size_t)y * picture->pitch + (size_t)x * 4;

            for (i = 0; i < 4; i++) count += pixel[i] != (expected >> (8 * i) & 0xFF);
        }
    return count;
}

int main(int argc, char** argv) {
    const char* topic = argc > 1 ? argv[1] : "pattern";
    const char* path = argc > 2 ? argv[2] : NULL;
    struct vdmabuf_consumer_options options = {
        .size = sizeof options,
        .flags = VDMABUF_CONSUMER_WAIT | VDMABUF_CONSUMER_DMABUF,
    };
    struct vdmabuf_consumer* consumer;
    struct picture picture = {.pixels = NULL};
    unsigned long wrong = 0, frames = 0;
    int rc;

    rc = vdmabuf_consumer_open(&options, &consumer);
    if (rc < 0) {
        fprintf(stderr, "raw_consumer: %s\n", vdmabuf_consumer_error(NULL));
        return 1;
    }
    rc = vdmabuf_consumer_raw_subscribe(consumer, NULL, topic, VDMABUF_SUBSCRIBE_ANY_VM);
    while (rc >= 0) {
        struct pollfd wait = {vdmabuf_consumer_fd(consumer), POLLIN, 0};
        struct vdmabuf_consumer_event event = {.size = sizeof event};

        rc = vdmabuf_consumer_dispatch(consumer, &event);
        if (rc < 0) break;
        if (rc == 0) {
            if (poll(&wait, 1, PATIENCE_MS) == 0) {
                fprintf(stderr, "raw_consumer: nobody offers \"%s\"\n", topic);
                return 1;
            }
            continue;
        }
        switch (event.type) {
            case VDMABUF_CONSUMER_RAW_OFFERED:
                printf("offered by %s%s%s (process %u): %llu bytes\n", event.offer->vm,
                       *event.offer->vm ? "/" : "", event.offer->app, event.offer->pid,
                       (unsigned long long)event.offer->bytes);
                if (!picture.pixels) rc = vdmabuf_consumer_raw_take(consumer, event.offer->id, 0);
                break;
            case VDMABUF_CONSUMER_RAW_REFUSED:
                fprintf(stderr, "raw_consumer: refused: %s\n", event.refused->text);
                return 1;
            case VDMABUF_CONSUMER_RAW_BUFFER: {
                const struct vdmabuf_memory* memory = event.buffer->memory;
                const void* address;

                printf("as %s%s%s\n", memory->kind == VDMABUF_MEMORY_DMABUF ? "a dmabuf" : "runs",
                       *memory->reason ? ": " : "", memory->reason);
                memcpy(picture.id, event.buffer->offer->id, sizeof picture.id);
                if (read_layout(event.buffer, &picture) < 0) {
                    fprintf(stderr, "raw_consumer: a layout that makes no sense\n");
                    return 1;
                }
                if (vdmabuf_map(memory, &address, &picture.length) < 0) {
                    fprintf(stderr, "raw_consumer: %s\n", vdmabuf_consumer_error(NULL));
                    return 1;
                }
                picture.pixels = address;
                break;
            }
            case VDMABUF_CONSUMER_RAW_MESSAGE: {
                char text[32] = "", answer[64];
                unsigned frame;

                if (!picture.pixels || event.message->bytes >= sizeof text) break;
                memcpy(text, event.message->data, event.message->bytes);
                if (strcmp(text, "end") == 0) {
                    vdmabuf_unmap(picture.pixels, picture.length);
                    vdmabuf_consumer_raw_done(consumer, picture.id);
                    vdmabuf_consumer_close(consumer);
                    printf("%lu frames, %lu bytes differ\n", frames, wrong);
                    return frames > 0 && wrong == 0 ? 0 : 1;
                }
                if (sscanf(text, "frame %u", &frame) != 1) break;
                wrong += differences(&picture, frame);
                frames++;
                if (path && write_ppm(path, picture.pixels, picture.width, picture.height,
                                      picture.pitch, 2, 0, 0) < 0)
                    perror(path);
                rc = snprintf(answer, sizeof answer, "frame %u: %lu bytes differ so far", frame,
                              wrong);
                rc = vdmabuf_consumer_raw_send(consumer, picture.id, answer, (size_t)rc);
                break;
            }
            case VDMABUF_CONSUMER_RAW_GONE:
                if (event.gone->producer_gone &&
                    memcmp(event.gone->id, picture.id, sizeof picture.id) == 0) {
                    fprintf(stderr, "raw_consumer: the producer has gone\n");
                    return 1;
                }
                break;
            case VDMABUF_CONSUMER_DISCONNECTED:
                /* A new broker offers it again, under a new id. */
                printf("the broker has gone: %s\n", event.text);
                vdmabuf_unmap(picture.pixels, picture.length);
                memset(&picture, 0, sizeof picture);
                break;
            default:
                break;
        }
    }
    fprintf(stderr, "raw_consumer: %s\n", vdmabuf_consumer_error(consumer));
    return 1;
}
