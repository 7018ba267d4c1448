/* SPDX-License-Identifier: MIT */
/*
 * window_producer: a window on the host, of a program that draws by itself, with
 * no window system at all. Its colour follows the pointer and changes with each
 * key, which is printed; Escape, or whoever closes the window, ends it.
 */
#include <poll.h>
#include <stdio.h>

#include <linux/input-event-codes.h>
#include <vdmabuf/producer.h>

static uint32_t colour = 0x204060;
static int wants_to_draw = 1;

/* 0, or an error of the library's. */
static int draw(struct vdmabuf_window* window) {
    struct vdmabuf_window_image image = {.size = sizeof image};
    const int rc = vdmabuf_window_acquire(window, &image);
    uint32_t x, y;

    if (rc < 0) return rc;
    for (y = 0; y < image.height; y++) {
        uint32_t* row = (uint32_t*)(void*)((unsigned char*)image.pixels + image.pitch * y);

        for (x = 0; x < image.width; x++) row[x] = colour;
    }
    return vdmabuf_window_present(window, image.number, -1);
}

/* 1: it is to end. */
static int take(const struct vdmabuf_window_event* event) {
    uint32_t i;

    for (i = 0; i < event->nr_input; i++) {
        const struct vdmabuf_input_event* input = &event->input[i];

        switch (input->kind) {
            case VDMABUF_INPUT_FOCUS:
                printf("focus %d\n", input->value);
                break;
            case VDMABUF_INPUT_KEY:
                if (!input->value) break;
                printf("key %u\n", input->code);
                if (input->code == KEY_ESC) return 1;
                colour = colour * 5 + input->code;
                wants_to_draw = 1;
                break;
            case VDMABUF_INPUT_BUTTON:
                printf("button %u is %s\n", input->code, input->value ? "down" : "up");
                break;
            case VDMABUF_INPUT_MOTION:
                printf("pointer at %d,%d\n", input->x / VDMABUF_INPUT_PIXEL,
                       input->y / VDMABUF_INPUT_PIXEL);
                colour = (colour & 0xFF0000) |
                         (uint32_t)(input->x / VDMABUF_INPUT_PIXEL * 255 / (int)event->width) << 8 |
                         (uint32_t)(input->y / VDMABUF_INPUT_PIXEL * 255 / (int)event->height);
                wants_to_draw = 1;
                break;
            default:
                break;
        }
    }
    fflush(stdout);
    return 0;
}

int main(void) {
    const struct vdmabuf_window_options options = {
        .size = sizeof options,
        .flags = VDMABUF_WINDOW_INPUT,
        .title = "colours",
        .app_id = "org.example.colours",
        .width = 320,
        .height = 240,
    };
    struct vdmabuf_window* window;
    int rc = vdmabuf_window_open(&options, &window), ends = 0;

    if (rc < 0) {
        fprintf(stderr, "window_producer: %s\n", vdmabuf_window_error(NULL));
        return 1;
    }
    while (rc >= 0 && !ends) {
        struct pollfd wait = {vdmabuf_window_fd(window), POLLIN, 0};
        struct vdmabuf_window_event event = {.size = sizeof event};

        rc = vdmabuf_window_dispatch(window, &event);
        if (rc < 0) break;
        if (rc == 0) {
            if (wants_to_draw) {
                /* No image is free: then VDMABUF_WINDOW_ROOM comes. */
                wants_to_draw = draw(window) < 0;
            }
            poll(&wait, 1, -1);
            continue;
        }
        switch (event.type) {
            case VDMABUF_WINDOW_INPUT_HAPPENED:
                ends = take(&event);
                break;
            case VDMABUF_WINDOW_CONFIGURE:
                if (event.width && event.height) {
                    rc = vdmabuf_window_resize(window, event.width, event.height);
                    wants_to_draw = 1;
                }
                break;
            case VDMABUF_WINDOW_CLOSE:
            case VDMABUF_WINDOW_LOST:
                ends = 1;
                break;
            default:
                break;
        }
    }
    if (rc < 0) fprintf(stderr, "window_producer: %s\n", vdmabuf_window_error(window));
    vdmabuf_window_close(window);
    return rc < 0;
}
