// SPDX-License-Identifier: MIT
#include "runtime/viewer/hud_panel.hpp"

#include <imgui.h>

#include <algorithm>
#include <cinttypes>

namespace vdmabuf::viewer {
namespace {

constexpr float kMargin = 10;
constexpr float kWidth = 300;
constexpr float kGraphHeight = 44;
constexpr float kBarHeight = 8;
constexpr float kValueColumn = 86;
constexpr std::size_t kGraphFrames = 150;

constexpr ImU32 kPanel = IM_COL32(12, 14, 18, 176);
constexpr ImU32 kEdge = IM_COL32(255, 255, 255, 40);
constexpr ImU32 kText = IM_COL32(240, 242, 245, 255);
constexpr ImU32 kDim = IM_COL32(160, 168, 178, 255);
constexpr ImU32 kGood = IM_COL32(120, 220, 140, 255);
constexpr ImU32 kBad = IM_COL32(255, 140, 100, 255);
constexpr ImU32 kWell = IM_COL32(0, 0, 0, 110);

struct StageLook {
    const char* name;
    ImU32 colour;
};
constexpr StageLook kLooks[kStages] = {
    {"present called", 0},
    {"GPU done", IM_COL32(110, 170, 255, 255)},
    {"sent", IM_COL32(140, 120, 250, 255)},
    {"received", IM_COL32(220, 120, 220, 255)},
    {"imported", IM_COL32(250, 150, 110, 255)},
    {"drawn", IM_COL32(245, 205, 95, 255)},
    {"shown", IM_COL32(120, 220, 140, 255)},
};

void text(ImU32 colour, const char* format, ...) IM_FMTARGS(2);
void text(ImU32 colour, const char* format, ...) {
    ImGui::PushStyleColor(ImGuiCol_Text, colour);
    va_list arguments;
    va_start(arguments, format);
    ImGui::TextV(format, arguments);
    va_end(arguments);
    ImGui::PopStyleColor();
}

// A grey name; the value starts further right.
void label(const char* name, float scale) {
    text(kDim, "%s", name);
    ImGui::SameLine(kValueColumn * scale);
}

// Guests choose these texts: no format of theirs, no line longer than the panel.
void value(ImU32 colour, const std::string& words, float scale) {
    const float room = (kWidth - kValueColumn) * scale;
    std::size_t fits = words.size();
    while (fits > 0 && ImGui::CalcTextSize(words.c_str(), words.c_str() + fits).x > room) {
        --fits;
    }
    text(colour, "%.*s", static_cast<int>(fits), words.c_str());
}

void draw_rates(const HudFigures& figures, float scale) {
    label("frames/s", scale);
    if (figures.still) return text(kDim, "still");
    text(kText, "app %.1f", figures.app_fps);
    ImGui::SameLine((kValueColumn + 104) * scale);
    text(kText, "viewer %.1f", figures.shown_fps);
}

void draw_graph(const HudFigures& figures, float scale) {
    const std::vector<float>& times = figures.frame_times;
    const std::size_t count = std::min(times.size(), kGraphFrames);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 size{kWidth * scale, kGraphHeight * scale};
    const ImVec2 end{at.x + size.x, at.y + size.y};
    draw->AddRectFilled(at, end, kWell, 3 * scale);
    // Twice the usual time is the top, so that a steady app is a line in the middle.
    const float usual = static_cast<float>(figures.frame_time);
    const float top = usual > 0 ? usual * 2 : 33.3F;
    const float step = size.x / static_cast<float>(kGraphFrames);
    draw->AddLine({at.x, at.y + size.y / 2}, {end.x, at.y + size.y / 2}, kEdge);
    for (std::size_t i = 0; i < count; ++i) {
        const float time = times[times.size() - count + i];
        const float height = std::clamp(time / top, 0.02F, 1.0F) * size.y;
        const float x = end.x - static_cast<float>(count - i) * step;
        const bool late = time > usual * 1.5F;
        draw->AddRectFilled({x, end.y - height}, {x + std::max(step - scale * 0.5F, 1.0F), end.y},
                            late ? kBad : kGood);
    }
    ImGui::Dummy(size);
}

void draw_stages(const HudFigures& figures, float scale) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = kWidth * scale;
    const float bottom = at.y + kBarHeight * scale;
    draw->AddRectFilled(at, {at.x + width, bottom}, kWell, 3 * scale);
    double sum = 0;
    for (const double each : figures.stages) sum += each;
    float x = at.x;
    for (std::size_t s = 1; s < kStages && sum > 0; ++s) {
        const float part = width * static_cast<float>(figures.stages[s] / sum);
        draw->AddRectFilled({x, at.y}, {x + part, bottom}, kLooks[s].colour);
        x += part;
    }
    ImGui::Dummy({width, kBarHeight * scale});
    const float line = ImGui::GetTextLineHeight();
    for (std::size_t s = 1; s < kStages; ++s) {
        const bool right = s % 2 == 0;
        if (right) ImGui::SameLine(width / 2 + 12 * scale);
        const ImVec2 mark = ImGui::GetCursorScreenPos();
        draw->AddRectFilled({mark.x, mark.y + line * 0.3F},
                            {mark.x + line * 0.5F, mark.y + line * 0.8F}, kLooks[s].colour);
        ImGui::Dummy({line * 0.5F, line});
        ImGui::SameLine(0, 5 * scale);
        text(kDim, "%s", kLooks[s].name);
        ImGui::SameLine((right ? width / 2 : 0) + 92 * scale);
        if (figures.known[s]) {
            text(kText, "%6.2f", figures.stages[s]);
        } else {
            text(kDim, "     -");
        }
    }
}

}  // namespace

void build_hud_panel(const HudFigures& figures, const StreamFacts& facts,
                     const consumer::ImageLayout& picture, float scale) {
    ImGui::SetNextWindowPos({kMargin * scale, kMargin * scale});
    ImGui::PushStyleColor(ImGuiCol_WindowBg, kPanel);
    ImGui::PushStyleColor(ImGuiCol_Border, kEdge);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 7 * scale);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {10 * scale, 8 * scale});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {4 * scale, 3 * scale});
    constexpr ImGuiWindowFlags kFlags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoInputs |
                                        ImGuiWindowFlags_AlwaysAutoResize |
                                        ImGuiWindowFlags_NoSavedSettings;
    ImGui::Begin("hud", nullptr, kFlags);
    ImGui::SetWindowFontScale(scale);
    label(facts.vm.empty() ? "local" : "guest", scale);
    value(kText, facts.vm.empty() ? facts.app : facts.vm + " / " + facts.app, scale);
    draw_rates(figures, scale);
    label("frame", scale);
    text(kText, "%.2f ms", figures.frame_time);
    ImGui::SameLine((kValueColumn + 104) * scale);
    text(kText, "worst %.2f ms", figures.frame_time_max);
    draw_graph(figures, scale);
    label("latency", scale);
    text(kText, "%.2f ms, from present to shown", figures.total);
    draw_stages(figures, scale);
    ImGui::Separator();
    label("import", scale);
    value(facts.path == "copy" ? kBad : kText, facts.path, scale);
    if (facts.path == "copy") {
        label("because", scale);
        value(kBad, facts.reason, scale);
    }
    if (!facts.strategy.empty()) {
        label("app's way", scale);
        value(kText, facts.strategy, scale);
    }
    label("format", scale);
    const std::string name = fourcc_name(picture.format->fourcc);
    if (picture.is_linear()) {
        text(kText, "%s %ux%u linear", name.c_str(), picture.width, picture.height);
    } else {
        text(kText, "%s %ux%u %016" PRIx64, name.c_str(), picture.width, picture.height,
             picture.modifier);
    }
    label("colours", scale);
    value(kText, facts.colours, scale);
    label("CPU copies", scale);
    if (figures.copied_bytes > 0) {
        text(kBad, "%.1f KiB a frame", figures.copied_bytes / 1024);
    } else {
        text(kGood, "none");
    }
    label("drops", scale);
    text(facts.frames_failed != 0 ? kBad : kText,
         "%" PRIu64 " skipped, %" PRIu64 " failed of %" PRIu64, facts.frames_skipped,
         facts.frames_failed, facts.frames_received + facts.frames_skipped);
    ImGui::End();
    ImGui::PopStyleVar(3);
    ImGui::PopStyleColor(2);
}

}  // namespace vdmabuf::viewer
