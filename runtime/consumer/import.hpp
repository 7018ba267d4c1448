// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/consumer/imported_image.hpp"
#include "runtime/consumer/run_table.hpp"

namespace vdmabuf::consumer {

struct ImportOutcome {
    std::shared_ptr<ImportedImage> image;  // null: no rung serves
    ImportPath path = ImportPath::none;
    std::string reason;  // how, and why not by a better path; for IMPORTED
};

// Brings images to the GPU: the first rung of the ladder that serves. One thread.
class Importer {
  public:
    // `forced`: this rung alone (tests, bug hunting).
    explicit Importer(std::shared_ptr<gpu::Device> device,
                      std::optional<ImportPath> forced = std::nullopt)
        : device_(std::move(device)), forced_(forced) {}

    // Runs the self-tests of the device now, so that no image waits for them.
    void warm_up();

    // Consumes the files: they are closed when it returns, the pages stay mapped.
    ImportOutcome import(const Image& image, BufferFiles files);

  private:
    const Status& trust_host_pointer();

    std::shared_ptr<gpu::Device> device_;
    std::optional<ImportPath> forced_;
    std::optional<Status> host_pointer_trust_;  // nothing: not tested yet
    bool copy_announced_ = false;
};

// Imports scattered pages of our own by host pointer, lets the GPU read them, and compares: some
// drivers accept scattered pages and read the wrong ones. A few milliseconds, once per device.
Status self_test_host_pointer(const std::shared_ptr<gpu::Device>& device);

}  // namespace vdmabuf::consumer
