// A disk that an NBD server exports, read by several threads at once over one connection or several.
//
// Requests lie in one queue; each connection has a thread that takes from it, sends, and answers whoever waits. A connection on which nothing moves
// while it owes an answer, or that breaks, is made anew, and what it had taken goes back into the queue. When that cannot be done in the time that an
// answer may take, or one request has broken connections too often, the export is lost, and all that read it learn why.
#pragma once
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <span>

#include "control.h"
#include "nbd_connection.h"

namespace strata {

class NbdExport {
 public:
  using Milliseconds = NbdConnection::Milliseconds;

  // `patience`: how long the server may be silent, and how long a connection that broke is tried anew.
  NbdExport(NbdAddress address, Milliseconds patience);
  ~NbdExport();
  NbdExport(const NbdExport&) = delete;
  NbdExport& operator=(const NbdExport&) = delete;

  // Once, before all else. Throws SOURCE_UNREACHABLE, SOURCE_EXPORT_MISSING.
  void open();
  const NbdFacts& facts() const { return facts_; }
  const std::string& path() const { return address_.path; }

  // 0, or the errno of the server. Any offset and length within the size. Throws SOURCE_LOST, SOURCE_SIZE_CHANGED. When `control` stops, what stands in
  // `to` means nothing.
  int read(uint64_t offset, size_t length, uint8_t* to, const Control& control);

  // What the server says of the beginning of a range of less than 4 GiB, whose context must be among the facts; 0, or its errno. Throws as read().
  int status(const std::string& context, uint64_t offset, uint64_t length, NbdExtents& extents, const Control& control);

  // Lets go of the server: whoever waits gets SOURCE_LOST.
  void stop();

  // Connections that are there now; and how often one was lost and made again.
  unsigned connections() const;
  uint64_t losses() const { return losses_; }

 private:
  struct Request;
  struct Line;
  int ask(std::span<Request> requests, const Control& control);
  void work(Line& line, std::unique_ptr<NbdConnection> connection);
  bool serve(Line& line, NbdConnection& connection);
  void take(Line& line);
  void send(Line& line, NbdConnection& connection);
  void collect(Line& line, NbdConnection& connection);
  void give_back(Line& line);
  std::unique_ptr<NbdConnection> again(Line& line);
  std::unique_ptr<NbdConnection> connect(Line& line);
  void lose(const Error& reason);
  void wake();
  Error let_go() const;

  const NbdAddress address_;
  const Milliseconds patience_;
  NbdFacts facts_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> losses_{0};

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  std::deque<Request*> queue_;
  std::list<Line> lines_;
  std::optional<Error> lost_;
};

}  // namespace strata
