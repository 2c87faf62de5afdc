// Without this script every page works; with it, news of findings appears by itself.
"use strict";
(() => {
  const place = document.getElementById("news");
  if (!place || !document.querySelector("header") || !window.EventSource) return;
  let count = 0;
  const source = new EventSource("/events");
  source.addEventListener("findings", (event) => {
    count += Number(event.data) || 0;
    if (!count) return;
    const link = document.createElement("a");
    link.href = "/findings";
    link.textContent = count === 1 ? "1 new record of a finding" : `${count} new records of findings`;
    place.replaceChildren(link);
  });
  window.addEventListener("pagehide", () => source.close());
})();
