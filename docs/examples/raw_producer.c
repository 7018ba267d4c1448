/* SPDX-License-Identifier: MIT */
/*
 * raw_producer [TOPIC [FRAMES]]: draws a moving pattern into a raw buffer that a
 * program on the host (raw_consumer) has, and tells it when each frame is
 * complete. Waits for its answer before it draws the next one: the two share
 * the pages.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdmabuf/producer.h>

#include "pattern.h"

enum { WIDTH = 320, HEIGHT = 200, PITCH = WIDTH * 4, PATIENCE_MS = 60000 };

static void draw(uint32_t* pixels, uint32_t frame) {
    uint32_t x, y;

    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++) pixels[y * WIDTH + x] = pattern(x, y, frame);
}

/* Draws a frame and says so; after the last one, says that. 0 or a negative errno value. */
static int next_frame(struct vdmabuf_buffer* buffer, uint64_t receiver, long frame, long frames) {
    char text[32];
    int length;

    if (frame < frames) {
        draw(vdmabuf_buffer_data(buffer), (uint32_t)frame);
        length = snprintf(text, sizeof text, "frame %ld", frame);
    } else {
        length = snprintf(text, sizeof text, "end");
    }
    return vdmabuf_buffer_send(buffer, receiver, text, (size_t)length, -1);
}

int main(int argc, char** argv) {
    const char* topic = argc > 1 ? argv[1] : "pattern";
    const long frames = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
    struct vdmabuf_producer* producer;
    struct vdmabuf_buffer* buffer;
    uint64_t receiver = 0; /* the first that takes the buffer; 0: none yet */
    long frame = 0;
    char layout[64];
    int rc;

    rc = vdmabuf_producer_open(NULL, &producer);
    if (rc < 0) {
        fprintf(stderr, "raw_producer: %s\n", vdmabuf_producer_error(NULL));
        return 1;
    }
    rc = vdmabuf_buffer_alloc(producer, (uint64_t)PITCH * HEIGHT, &buffer);
    if (rc == 0) {
        snprintf(layout, sizeof layout, "%d %d %d", WIDTH, HEIGHT, PITCH);
        rc = vdmabuf_buffer_offer(buffer, topic, layout, strlen(layout), -1);
    }
    while (rc >= 0) {
        struct pollfd wait = {vdmabuf_producer_fd(producer), POLLIN, 0};
        struct vdmabuf_producer_event event = {.size = sizeof event};

        rc = vdmabuf_producer_dispatch(producer, &event);
        if (rc < 0) break;
        if (rc == 0) {
            if (poll(&wait, 1, PATIENCE_MS) == 0) {
                fprintf(stderr, "raw_producer: nobody wants \"%s\"\n", topic);
                return 1;
            }
            continue;
        }
        switch (event.type) {
            case VDMABUF_PRODUCER_TAKEN:
                printf("taken by %s\n", event.text);
                if (receiver == 0) {
                    receiver = event.receiver;
                    frame = 0;
                    rc = next_frame(buffer, receiver, frame, frames);
                }
                break;
            case VDMABUF_PRODUCER_MESSAGE:
                /* The receiver has seen the frame; what it says about it is for people. */
                printf("%.*s\n", (int)event.bytes, (const char*)event.data);
                if (event.receiver == receiver && frame < frames)
                    rc = next_frame(buffer, receiver, ++frame, frames);
                break;
            case VDMABUF_PRODUCER_DONE:
                if (event.receiver != receiver) break;
                receiver = 0;
                if (frame == frames && !event.died) {
                    vdmabuf_buffer_free(buffer);
                    vdmabuf_producer_close(producer);
                    return 0;
                }
                break;
            case VDMABUF_PRODUCER_AWAY:
                printf("the host is away\n");
                receiver = 0;
                break;
            case VDMABUF_PRODUCER_BACK:
                printf("the host is back\n");
                break;
            case VDMABUF_PRODUCER_REFUSED:
            case VDMABUF_PRODUCER_LOST:
                fprintf(stderr, "raw_producer: refused: %s\n", event.text);
                return 1;
            default:
                break;
        }
    }
    fprintf(stderr, "raw_producer: %s\n", vdmabuf_producer_error(producer));
    return 1;
}
