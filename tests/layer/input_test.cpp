// SPDX-License-Identifier: MIT
// What the user does on the host, as the app's X11 window sees it.
#include <linux/input-event-codes.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/layer/support/fixture.hpp"
#include "tests/layer/support/x_listener.hpp"

namespace vdmabuf::test {
namespace {

using input::Event;
using input::Kind;
using input::make_event;

const Event kFocus = make_event(Kind::focus, 0, 1);
const Event kNoFocus = make_event(Kind::focus);

Event key(std::uint16_t code, bool down) {
    return make_event(Kind::key, code, down);
}
Event button(std::uint16_t code, bool down) {
    return make_event(Kind::button, code, down);
}
Event motion(int x, int y) {
    return make_event(Kind::motion, 0, 0, x * 256 + 128, y * 256 + 128);
}
Event wheel(int x, int y) {
    return make_event(Kind::wheel, 0, 0, x, y);
}

// A window that the layer shows, whose app writes down what it hears.
class Shown {
  public:
    Shown(LayerTest&, const std::string& display, const std::string& title)
        : window(display, kWidth, kHeight) {
        window.set_title(title);
        surface_ = app.xcb_surface(window);
        swap_ = std::make_unique<Swap>(app, swapchain_info(surface_, kWidth, kHeight));
        EXPECT_EQ(swap_->created, VK_SUCCESS);
    }
    std::string hears_until(const std::string& last) { return listener_.hears_until(last); }
    bool hears_nothing() { return listener_.hears_nothing(); }

    App app;
    XWindow window;

  private:
    XListener listener_{window};
    VkSurfaceKHR surface_ = VK_NULL_HANDLE;
    std::unique_ptr<Swap> swap_;
};

class InputTest : public LayerTest {
  protected:
    std::unique_ptr<Shown> show(const std::string& title) {
        auto shown = std::make_unique<Shown>(*this, x.display(), title);
        EXPECT_TRUE(host().wait_title(title));
        return shown;
    }
    void say(const std::string& title, std::vector<Event> events, std::uint32_t width = kWidth,
             std::uint32_t height = kHeight) {
        host().input(title, std::move(events), width, height);
    }
};

TEST_F(InputTest, KeysButtonsAndWheelArriveAsTheyWere) {
    auto one = show("one");
    say("one", {kFocus, key(KEY_A, true), key(KEY_A, false), motion(10, 20), button(BTN_LEFT, true),
                motion(30, 40), button(BTN_LEFT, false), button(BTN_MIDDLE, true),
                button(BTN_MIDDLE, false), button(BTN_RIGHT, true), button(BTN_RIGHT, false),
                button(BTN_SIDE, true), button(BTN_SIDE, false)});
    EXPECT_EQ(one->hears_until("no button 8 30,40"),
              "key 38, no key 38, motion 10,20, button 1 10,20, motion 30,40, no button 1 30,40, "
              "button 2 30,40, no button 2 30,40, button 3 30,40, no button 3 30,40, "
              "button 8 30,40, no button 8 30,40");
    say("one", {wheel(0, 60)});
    EXPECT_TRUE(one->hears_nothing());
    say("one", {wheel(0, 60), make_event(Kind::release_all), wheel(-120, -240)});
    EXPECT_EQ(one->hears_until("no button 6 30,40"),
              "button 4 30,40, no button 4 30,40, button 5 30,40, no button 5 30,40, "
              "button 5 30,40, no button 5 30,40, button 6 30,40, no button 6 30,40");
    say("one",
        {make_event(Kind::relative, 0, 0, 5 * 256, -3 * 256), make_event(Kind::key, KEY_B, 1),
         make_event(Kind::relative, 0, 0, 128, 0), make_event(Kind::key, KEY_B, 0),
         make_event(Kind::relative, 0, 0, 128, 0), make_event(Kind::key, KEY_C, 1)});
    EXPECT_EQ(one->hears_until("key 54"), "motion 35,37, key 56, no key 56, motion 36,37, key 54");
}

TEST_F(InputTest, CoordinatesFollowTheWindow) {
    auto one = show("one");
    // The picture on the host has another size than the window by now, which does not lie at 0, 0.
    const std::uint32_t at[] = {50, 70};
    xcb_configure_window(one->window.connection(), one->window.id(),
                         XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y, at);
    xcb_flush(one->window.connection());
    say("one", {kFocus, motion(0, 0), key(KEY_A, true), motion(2 * kWidth - 1, 2 * kHeight - 1)},
        2 * kWidth, 2 * kHeight);
    EXPECT_EQ(one->hears_until("motion 99,60"), "motion 0,0, key 38, motion 99,60");
}

TEST_F(InputTest, OnlyTheWindowWithTheFocusHears) {
    auto one = show("one");
    auto two = show("two");  // above it, at the same place
    say("one", {kFocus, motion(5, 5), button(BTN_LEFT, true), key(KEY_A, true)});
    EXPECT_EQ(one->hears_until("key 38"), "motion 5,5, button 1 5,5, key 38");
    say("two", {key(KEY_B, true), motion(6, 6), button(BTN_LEFT, true)});
    EXPECT_TRUE(two->hears_nothing());
    EXPECT_TRUE(one->hears_nothing());
    say("one", {kNoFocus});
    say("two", {kFocus, motion(7, 7), key(KEY_C, true)});
    EXPECT_EQ(one->hears_until("no button 1 5,5"), "no key 38, no button 1 5,5");
    EXPECT_EQ(two->hears_until("key 54"), "motion 7,7, key 54");
}

TEST_F(InputTest, WhatIsPressedIsReleasedWhateverEnds) {
    auto one = show("one");
    say("one", {kFocus, motion(5, 5), key(KEY_A, true), button(BTN_LEFT, true)});
    EXPECT_EQ(one->hears_until("button 1 5,5"), "motion 5,5, key 38, button 1 5,5");
    say("one", {kNoFocus});
    EXPECT_EQ(one->hears_until("no button 1 5,5"), "no key 38, no button 1 5,5");
    say("one", {kFocus, key(KEY_A, true)});
    EXPECT_EQ(one->hears_until("key 38"), "key 38");
    broker.kill();
    EXPECT_EQ(one->hears_until("no key 38"), "no key 38");
}

TEST_F(InputTest, UnmappedWindowsHearNothingAndNobodyElseInsteadOfThem) {
    auto one = show("one");
    auto two = show("two");
    say("two", {kFocus, motion(1, 1), key(KEY_A, true), key(KEY_A, false), kNoFocus});
    EXPECT_EQ(two->hears_until("no key 38"), "motion 1,1, key 38, no key 38");
    xcb_unmap_window(one->window.connection(), one->window.id());
    std::free(xcb_get_input_focus_reply(one->window.connection(),
                                        xcb_get_input_focus(one->window.connection()), nullptr));
    say("one", {kFocus, key(KEY_B, true), button(BTN_LEFT, true), wheel(0, 120)});
    EXPECT_TRUE(one->hears_nothing());
    EXPECT_TRUE(two->hears_nothing());
}

TEST_F(InputTest, AnotherProgramAboveGetsNoClicks) {
    auto one = show("one");
    XWindow other(x.display(), 40, 40);  // as a menu of another program: nobody raises above it
    const std::uint32_t values[] = {1, kHeardEvents};
    xcb_change_window_attributes(other.connection(), other.id(),
                                 XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
    xcb_flush(other.connection());
    say("one", {kFocus, motion(50, 50), key(KEY_A, true)});
    EXPECT_EQ(one->hears_until("key 38"), "motion 50,50, key 38");
    // It comes up again, and is put down by a click that is not its.
    const std::uint32_t above = XCB_STACK_MODE_ABOVE;
    xcb_configure_window(other.connection(), other.id(), XCB_CONFIG_WINDOW_STACK_MODE, &above);
    std::free(xcb_get_input_focus_reply(other.connection(), xcb_get_input_focus(other.connection()),
                                        nullptr));
    say("one", {motion(10, 10), button(BTN_LEFT, true), button(BTN_LEFT, false)});
    EXPECT_EQ(one->hears_until("no button 1 10,10"), "button 1 10,10, no button 1 10,10");
    while (xcb_generic_event_t* event = xcb_poll_for_event(other.connection())) {
        EXPECT_NE(event->response_type & 0x7f, XCB_BUTTON_PRESS);
        std::free(event);
    }
}

// The layer's own check, behind that of the broker: a key that X11 has no name for.
TEST_F(InputTest, KeysThatX11DoesNotKnow) {
    auto one = show("one");
    say("one", {kFocus, key(255, true), key(248, true), key(KEY_A, true)});
    EXPECT_EQ(one->hears_until("key 38"), "key 38");
}

TEST_F(InputTest, AFingerIsThePointer) {
    auto one = show("one");
    const auto at = [](int right, int below) { return std::pair(right * 256, below * 256); };
    const auto [x0, y0] = at(10, 11);
    const auto [x1, y1] = at(20, 21);
    say("one",
        {kFocus, make_event(Kind::touch_down, 3, 0, x0, y0),
         make_event(Kind::touch_down, 4, 0, x1, y1), make_event(Kind::touch_motion, 4, 0, x0, y0),
         make_event(Kind::touch_motion, 3, 0, x1, y1), make_event(Kind::touch_up, 4),
         make_event(Kind::touch_up, 3)});
    EXPECT_EQ(one->hears_until("no button 1 20,21"),
              "motion 10,11, button 1 10,11, motion 20,21, no button 1 20,21");
}

// Games hide the cursor: an empty one is set for the window.
TEST_F(InputTest, WhetherTheCursorIsHidden) {
    auto one = show("one");
    say("one", {kFocus, motion(10, 10), key(KEY_A, true)});
    EXPECT_EQ(one->hears_until("key 38"), "motion 10,10, key 38");
    EXPECT_TRUE(host().wait_cursor(false));
    xcb_connection_t* c = one->window.connection();
    const xcb_pixmap_t empty = xcb_generate_id(c);
    const xcb_cursor_t cursor = xcb_generate_id(c);
    xcb_create_pixmap(c, 1, empty, one->window.id(), 8, 8);
    const xcb_gcontext_t gc = xcb_generate_id(c);
    const std::uint32_t clear = 0;
    xcb_create_gc(c, gc, empty, XCB_GC_FOREGROUND, &clear);
    const xcb_rectangle_t all{0, 0, 8, 8};
    xcb_poly_fill_rectangle(c, empty, gc, 1, &all);
    xcb_create_cursor(c, cursor, empty, empty, 0, 0, 0, 0, 0, 0, 0, 0);
    xcb_change_window_attributes(c, one->window.id(), XCB_CW_CURSOR, &cursor);
    xcb_flush(c);
    EXPECT_TRUE(host().wait_cursor(true));
    const std::uint32_t none = XCB_CURSOR_NONE;
    xcb_change_window_attributes(c, one->window.id(), XCB_CW_CURSOR, &none);
    xcb_flush(c);
    EXPECT_TRUE(host().wait_cursor(false));
}

// A cursor of two colours: the server's other clients get it as pixels.
TEST_F(InputTest, WhatTheCursorLooksLike) {
    auto one = show("one");
    say("one", {kFocus, motion(10, 10), key(KEY_A, true)});
    EXPECT_EQ(one->hears_until("key 38"), "motion 10,10, key 38");
    xcb_connection_t* c = one->window.connection();
    for (const std::uint16_t side : {std::uint16_t{24}, std::uint16_t{64}}) {
        const xcb_pixmap_t source = xcb_generate_id(c);
        const xcb_pixmap_t mask = xcb_generate_id(c);
        const xcb_gcontext_t set = xcb_generate_id(c);
        const xcb_gcontext_t clear = xcb_generate_id(c);
        const std::uint32_t values[] = {1, 0};
        xcb_create_pixmap(c, 1, source, one->window.id(), side, side);
        xcb_create_pixmap(c, 1, mask, one->window.id(), side, side);
        xcb_create_gc(c, set, source, XCB_GC_FOREGROUND, &values[0]);
        xcb_create_gc(c, clear, source, XCB_GC_FOREGROUND, &values[1]);
        const auto half = static_cast<std::uint16_t>(side / 2);
        const xcb_rectangle_t all{0, 0, side, side};
        const xcb_rectangle_t left{0, 0, half, side};
        const xcb_rectangle_t upper{0, 0, side, half};
        xcb_poly_fill_rectangle(c, source, clear, 1, &all);
        xcb_poly_fill_rectangle(c, mask, clear, 1, &all);
        xcb_poly_fill_rectangle(c, source, set, 1, &left);
        xcb_poly_fill_rectangle(c, mask, set, 1, &upper);
        const xcb_cursor_t cursor = xcb_generate_id(c);
        xcb_create_cursor(c, cursor, source, mask, 0xFFFF, 0, 0, 0, 0x8080, 0xFFFF, 3, 5);
        xcb_change_window_attributes(c, one->window.id(), XCB_CW_CURSOR, &cursor);
        xcb_flush(c);
        const auto image = host().wait_cursor_image(side, side);
        ASSERT_TRUE(image) << side;
        EXPECT_EQ(image->shape.hot_x, 3);
        EXPECT_EQ(image->shape.hot_y, 5);
        for (std::uint32_t i = 0; i < std::uint32_t{side} * side; ++i) {
            const std::uint32_t row = i / side;
            const std::uint32_t column = i % side;
            const std::uint32_t wanted = row >= half ? 0 : column < half ? 0xFFFF0000 : 0xFF0080FF;
            ASSERT_EQ(image->pixels[i], wanted) << column << "," << row;
        }
    }
}

// More than is taken up in time ends nothing, and nothing stays pressed.
TEST_F(InputTest, AFloodLeavesNothingPressed) {
    auto one = show("one");
    say("one", {kFocus});
    for (int i = 0; i < 1000; ++i) say("one", {key(KEY_A, i % 2 == 0), wheel(0, 120)});
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    say("one", {make_event(Kind::release_all), key(KEY_B, true), key(KEY_B, false)});
    const std::string heard = one->hears_until("no key 56");
    EXPECT_TRUE(heard.ends_with("key 56, no key 56")) << heard.substr(heard.size() - 100);
    auto* down = xcb_query_keymap_reply(one->window.connection(),
                                        xcb_query_keymap(one->window.connection()), nullptr);
    for (const std::uint8_t keys : down->keys) EXPECT_EQ(keys, 0);
    std::free(down);
}

}  // namespace
}  // namespace vdmabuf::test
