// SPDX-License-Identifier: MIT
#include "runtime/tools/ctl_print.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/common/strategy_name.hpp"
#include "runtime/consumer/pixel_format.hpp"

namespace vdmabuf::tools {
namespace {

using consumer::get_text;
using nlohmann::ordered_json;

const char* mode_name(std::uint32_t mode) {
    static constexpr const char* kNames[] = {"fifo", "mailbox", "immediate"};
    return mode < 3 ? kNames[mode] : "?";
}

const char* path_name(std::uint32_t path) {
    return consumer::to_string(static_cast<consumer::ImportPath>(path));
}

const char* memory_name(std::uint32_t kind) {
    switch (static_cast<consumer::MemoryKind>(kind)) {
        case consumer::MemoryKind::dmabuf:
            return "dmabuf";
        case consumer::MemoryKind::runs:
            return "runs";
        case consumer::MemoryKind::none:
            break;
    }
    return "none";
}

// Why this path: the consumer's words, and the broker's where the consumer has not passed them on.
std::string reason_text(const consumer::ImageStatus& image) {
    const std::string reason = get_text(image.reason);
    const std::string brokers = get_text(image.memory_reason);
    if (brokers.empty() || reason.find(brokers) != std::string::npos) return reason;
    if (reason.empty()) return "the broker made no udmabuf: " + brokers;
    // Cut off at the end of the message, most likely.
    const std::size_t begun = reason.find(brokers.substr(0, 32));
    if (begun != std::string::npos) return reason.substr(0, begun) + brokers;
    return reason + "; the broker made no udmabuf: " + brokers;
}

double microseconds(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000.0;
}

ordered_json image_json(const consumer::ImageStatus& image) {
    ordered_json json;
    json["image"] = image.image;
    json["slot"] = image.slot;
    json["width"] = image.width;
    json["height"] = image.height;
    json["fourcc"] = fourcc_name(image.fourcc);
    json["modifier"] = image.modifier;
    json["pitch"] = image.pitch;
    json["buffer_size"] = image.buffer_size;
    json["runs"] = image.run_count;
    json["strategy"] = strategy_name(image.strategy);
    json["import_path"] = path_name(image.path);
    json["import_reason"] = get_text(image.reason);
    json["memory"] = memory_name(image.memory);
    json["memory_reason"] = get_text(image.memory_reason);
    return json;
}

ordered_json stream_json(const BrokerState::Stream& stream) {
    const consumer::StreamStatus& s = stream.status;
    ordered_json json;
    json["stream"] = s.stream;
    json["vm"] = get_text(s.vm);
    json["app"] = get_text(s.app);
    json["app_id"] = get_text(s.app_id);
    json["title"] = get_text(s.title);
    json["pid"] = s.pid;
    json["width"] = s.width;
    json["height"] = s.height;
    json["mode"] = mode_name(s.mode);
    json["colour_space"] = stream::colour_space_name(s.colour_space);
    json["colours_shown"] = stream::colour_shown_name(s.colour_shown);
    json["consumers"] = s.consumers;
    json["frames_presented"] = s.frames_presented;
    json["frames_released"] = s.frames_released;
    json["frames_skipped"] = s.frames_skipped;
    json["frames_shown"] = s.frames_shown;
    json["cpu_copied_bytes"] = {{"producer", s.producer_copied_bytes},
                                {"broker", s.broker_copied_bytes},
                                {"consumers", s.consumer_copied_bytes}};
    json["present_to_received_us"] = {{"p50", microseconds(s.latency_p50_ns)},
                                      {"p99", microseconds(s.latency_p99_ns)}};
    json["images"] = ordered_json::array();
    for (const auto& image : stream.images) json["images"].push_back(image_json(image));
    return json;
}

std::string size_text(std::uint64_t bytes) {
    if (bytes < 1024 * 1024) return fmt::format("{:.0f} KiB", static_cast<double>(bytes) / 1024);
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

std::string stream_text(const BrokerState::Stream& stream) {
    const consumer::StreamStatus& s = stream.status;
    const std::string vm = get_text(s.vm);
    std::string text = fmt::format("{}: {}{}{} (process {})", s.stream, vm, vm.empty() ? "" : "/",
                                   get_text(s.app), s.pid);
    text += fmt::format("  \"{}\"  {}x{}, {}, {}{}{}\n", get_text(s.title), s.width, s.height,
                        mode_name(s.mode), stream::colour_space_name(s.colour_space),
                        s.colour_shown ? " " : "", stream::colour_shown_name(s.colour_shown));
    text += fmt::format("   frames: {} presented, {} shown, {} skipped; {} consumer{}\n",
                        s.frames_presented, s.frames_shown, s.frames_skipped, s.consumers,
                        s.consumers == 1 ? "" : "s");
    text += fmt::format("   bytes copied by CPUs: producer {}, broker {}, consumers {}\n",
                        s.producer_copied_bytes, s.broker_copied_bytes, s.consumer_copied_bytes);
    if (s.latency_p50_ns != 0) {
        text += fmt::format("   present to received: p50 {:.0f} us, p99 {:.0f} us\n",
                            microseconds(s.latency_p50_ns), microseconds(s.latency_p99_ns));
    }
    for (const auto& image : stream.images) {
        text += fmt::format(
            "   image {} in slot {}: {}x{} {}, pitch {}, {} in {} run{}; "
            "rendered by {}, imported by {}",
            image.image, image.slot, image.width, image.height, fourcc_name(image.fourcc),
            image.pitch, size_text(image.buffer_size), image.run_count,
            image.run_count == 1 ? "" : "s", strategy_name(image.strategy), path_name(image.path));
        const std::string reason = reason_text(image);
        text += reason.empty() ? "\n" : fmt::format(" ({})\n", reason);
    }
    return text;
}

ordered_json raw_json(const raw::Status& status) {
    ordered_json json;
    json["number"] = status.number;
    json["vm"] = get_text(status.vm);
    json["app"] = get_text(status.app);
    json["pid"] = status.pid;
    json["topic"] = get_text(status.topic);
    json["size"] = status.size;
    json["runs"] = status.run_count;
    json["receivers"] = status.receivers;
    json["withdrawn"] = (status.flags & raw::kWithdrawn) != 0;
    json["messages"] = {{"to_consumers", status.messages_to_consumers},
                        {"to_producer", status.messages_to_producer}};
    return json;
}

std::string raw_text(const raw::Status& status) {
    const std::string vm = get_text(status.vm);
    return fmt::format(
        "raw buffer {}: {}{}{} (process {})  \"{}\"  {} in {} run{}, {} receiver{}{}; "
        "messages: {} to consumers, {} to the producer\n",
        status.number, vm, vm.empty() ? "" : "/", get_text(status.app), status.pid,
        get_text(status.topic), size_text(status.size), status.run_count,
        status.run_count == 1 ? "" : "s", status.receivers, status.receivers == 1 ? "" : "s",
        status.flags & raw::kWithdrawn ? " (withdrawn)" : "", status.messages_to_consumers,
        status.messages_to_producer);
}

}  // namespace

std::string as_json(const BrokerState& state) {
    ordered_json json;
    json["broker"] = {{"version", state.version}, {"pid", state.pid}};
    json["streams"] = ordered_json::array();
    for (const auto& stream : state.streams) json["streams"].push_back(stream_json(stream));
    json["raw_buffers"] = ordered_json::array();
    for (const auto& status : state.raw_buffers) json["raw_buffers"].push_back(raw_json(status));
    // Names come from guests: what is no UTF-8 is replaced, not thrown at us.
    return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string as_text(const BrokerState& state) {
    std::string text;
    for (const auto& stream : state.streams) text += stream_text(stream);
    if (text.empty()) text = "no streams\n";
    for (const auto& status : state.raw_buffers) text += raw_text(status);
    return text;
}

}  // namespace vdmabuf::tools
