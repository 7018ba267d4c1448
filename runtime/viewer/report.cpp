// SPDX-License-Identifier: MIT
#include "runtime/viewer/report.hpp"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/common/strategy_name.hpp"

namespace vdmabuf::viewer {
namespace {

nlohmann::ordered_json to_json(const StreamRecord& record) {
    const Percentiles latency = record.present_to_received.microseconds();
    const std::uint64_t copied =
        record.producer_copied_bytes + record.broker_copied_bytes + record.consumer_copied_bytes;
    nlohmann::ordered_json json;
    json["app"] = record.app;
    json["vm"] = record.vm;
    json["title"] = record.title;
    json["pid"] = record.pid;
    json["width"] = record.width;
    json["height"] = record.height;
    json["frames_presented"] = record.frames_presented;
    json["frames_received"] = record.frames_received;
    json["frames_shown"] = record.frames_shown;
    json["frames_passed_on"] = record.frames_passed_on;
    json["frames_timed_by_display"] = record.frames_timed;
    json["frames_skipped"] = record.frames_skipped;
    json["serials_lost"] = record.serials_lost;
    json["last_serial"] = record.picture ? record.picture_serial : record.last_serial;
    json["frames_per_second"] = record.frames_per_second();
    json["present_to_received_us"] = {
        {"p50", latency.p50}, {"p99", latency.p99}, {"max", latency.max}};
    json["received_to_submitted_us"] = nullptr;
    if (!record.received_to_submitted.empty()) {
        const Percentiles drawing = record.received_to_submitted.microseconds();
        json["received_to_submitted_us"] = {
            {"p50", drawing.p50}, {"p99", drawing.p99}, {"max", drawing.max}};
    }
    json["import_path"] = consumer::to_string(record.path);
    json["import_reason"] = record.import_reason;
    json["strategy"] = strategy_name(record.strategy);
    json["colour_space"] = stream::colour_space_name(record.colour_space);
    json["colours_shown"] =
        stream::colour_shown_name(static_cast<std::uint32_t>(record.colour_shown));
    // A whole number where it is one: nearly always 0, or the size of a frame.
    const std::uint64_t frames = record.frames_received;
    if (frames == 0 || copied % frames == 0) {
        json["cpu_copied_bytes_per_frame"] = frames == 0 ? 0 : copied / frames;
    } else {
        json["cpu_copied_bytes_per_frame"] =
            static_cast<double>(copied) / static_cast<double>(frames);
    }
    json["blank"] = nullptr;
    if (record.picture) json["blank"] = record.picture->is_blank();
    return json;
}

}  // namespace

const StreamRecord* main_record(const std::deque<StreamRecord>& records) {
    const StreamRecord* most = nullptr;
    for (const StreamRecord& record : records) {
        if (!most || record.frames_received > most->frames_received) most = &record;
    }
    return most;
}

Status write_report(const std::deque<StreamRecord>& records, const std::string& path) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    if (const StreamRecord* main = main_record(records)) json = to_json(*main);
    json["streams"] = nlohmann::ordered_json::array();
    for (const StreamRecord& record : records) json["streams"].push_back(to_json(record));
    // Titles are other people's bytes: what is no UTF-8 is replaced, not thrown at us.
    const std::string text =
        json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    const std::string unfinished = path + ".part";
    std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file || std::rename(unfinished.c_str(), path.c_str()) != 0) {
        return system_error("cannot write '" + path + "'");
    }
    return {};
}

}  // namespace vdmabuf::viewer
