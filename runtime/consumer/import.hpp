// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/consumer/imported_image.hpp"
#include "runtime/consumer/run_table.hpp"
#include "runtime/consumer/trust.hpp"

namespace vdmabuf::consumer {

struct ImportOutcome {
    std::shared_ptr<ImportedImage> image;  // null: no rung serves
    ImportPath path = ImportPath::none;
    std::string reason;  // how, and why not by a better path; for IMPORTED
    // There is no image since the dmabuf would not do, for `no_dmabuf`: IMAGE_AGAIN may help.
    bool again = false;
    std::string no_dmabuf;
};

// Brings images to the GPU: the first rung of the ladder that serves, in a way that the device can
// be trusted with. One thread.
class Importer {
  public:
    // `forced`: this rung alone (tests, bug hunting).
    explicit Importer(std::shared_ptr<gpu::Device> device,
                      std::optional<ImportPath> forced = std::nullopt);

    // Runs the self-tests of the device now, so that no image waits for them.
    void warm_up();

    // Whether the device can be trusted with dmabufs, and of which formats (for FORMATS).
    bool takes_dmabufs();
    std::vector<stream::FormatModifier> formats();

    // Consumes the files: they are closed when it returns, the pages stay mapped. `no_dmabuf`: why
    // the dmabuf that came before IMAGE_AGAIN could not be used.
    ImportOutcome import(const Image& image, BufferFiles files, const std::string& no_dmabuf = {});

    // To be called with the first frame of each image, before it is read. Where a way could not be
    // tested for lack of a udmabuf, that frame is the test: what the GPU sees of it must be what
    // the CPU sees. An error: the image is not to be used, nor the way any more.
    Status confirm(const ImportedImage& image);

    Trust& trust() { return trust_; }

  private:
    bool may(ImportPath path) const { return !forced_ || *forced_ == path; }
    Status trusted(Way way);
    std::string why_no_dmabuf(const Image& image, const std::string& no_dmabuf);
    Result<ImportedImage::Parts> from_dmabuf(const ImageLayout& layout, BufferFiles& files);
    Result<ImportedImage::Parts> from_host_pointer(const ImageLayout& layout,
                                                   std::uint64_t buffer_size, Mapping& pages);

    std::shared_ptr<gpu::Device> device_;
    std::optional<ImportPath> forced_;
    Trust trust_;
    bool copy_announced_ = false;
};

}  // namespace vdmabuf::consumer
