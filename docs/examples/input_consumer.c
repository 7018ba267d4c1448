/* SPDX-License-Identifier: MIT */
/*
 * input_consumer: clicks into the middle of the first window that takes input,
 * of any VM or of this kernel, types "hi" there, and says what its cursor is
 * like. Ends when nothing more has come for a second.
 */
#include <poll.h>
#include <stdio.h>

#include <linux/input-event-codes.h>
#include <vdmabuf/consumer.h>

enum { PATIENCE_MS = 60000, LISTENS_MS = 1000 };

/* 0, or an error of the library's. */
static int type_hi(struct vdmabuf_consumer* consumer, const struct vdmabuf_stream_info* stream) {
    const struct vdmabuf_input_event events[] = {
        {.kind = VDMABUF_INPUT_FOCUS, .value = 1},
        {.kind = VDMABUF_INPUT_MOTION,
         .x = (int32_t)stream->width * VDMABUF_INPUT_PIXEL / 2,
         .y = (int32_t)stream->height * VDMABUF_INPUT_PIXEL / 2},
        {.kind = VDMABUF_INPUT_BUTTON, .code = BTN_LEFT, .value = 1},
        {.kind = VDMABUF_INPUT_BUTTON, .code = BTN_LEFT, .value = 0},
        {.kind = VDMABUF_INPUT_KEY, .code = KEY_H, .value = 1},
        {.kind = VDMABUF_INPUT_KEY, .code = KEY_H, .value = 0},
        {.kind = VDMABUF_INPUT_KEY, .code = KEY_I, .value = 1},
        {.kind = VDMABUF_INPUT_KEY, .code = KEY_I, .value = 0},
    };

    printf("typing into \"%s\"\n", stream->title);
    return vdmabuf_consumer_input(consumer, stream->id, events, sizeof events / sizeof events[0],
                                  stream->width, stream->height);
}

int main(void) {
    struct vdmabuf_consumer_options options = {
        .size = sizeof options,
        .flags = VDMABUF_CONSUMER_WAIT,
    };
    struct vdmabuf_consumer* consumer;
    int typed = 0, rc;

    rc = vdmabuf_consumer_open(&options, &consumer);
    if (rc < 0) {
        fprintf(stderr, "input_consumer: %s\n", vdmabuf_consumer_error(NULL));
        return 1;
    }
    while (rc >= 0) {
        struct pollfd wait = {vdmabuf_consumer_fd(consumer), POLLIN, 0};
        struct vdmabuf_consumer_event event = {.size = sizeof event};

        rc = vdmabuf_consumer_dispatch(consumer, &event);
        if (rc < 0) break;
        if (rc == 0) {
            if (poll(&wait, 1, typed ? LISTENS_MS : PATIENCE_MS) == 0) {
                /* Whoever closes lets go of the focus, and of all that is pressed. */
                vdmabuf_consumer_close(consumer);
                return typed ? 0 : 1;
            }
            continue;
        }
        switch (event.type) {
            case VDMABUF_CONSUMER_STREAM_ADDED:
                if (typed || !(event.stream->flags & VDMABUF_STREAM_TAKES_INPUT)) break;
                rc = vdmabuf_consumer_attach(consumer, event.stream->id);
                if (rc == 0) rc = type_hi(consumer, event.stream);
                typed = 1;
                break;
            case VDMABUF_CONSUMER_CURSOR:
                if (event.cursor->flags & VDMABUF_CURSOR_HIDDEN)
                    printf("the cursor is hidden\n");
                else if (event.cursor->pixels)
                    printf("the cursor has %ux%u pixels and points with %u,%u\n",
                           event.cursor->width, event.cursor->height, event.cursor->hot_x,
                           event.cursor->hot_y);
                break;
            case VDMABUF_CONSUMER_FRAME:
                /* Not looked at, and no further one is asked for. */
                rc = vdmabuf_consumer_release(consumer, event.frame->stream, event.frame->serial);
                break;
            case VDMABUF_CONSUMER_IMAGE_GONE:
                vdmabuf_consumer_image_done(consumer, event.image->stream, event.image->id);
                break;
            default:
                break;
        }
    }
    fprintf(stderr, "input_consumer: %s\n", vdmabuf_consumer_error(consumer));
    return 1;
}
