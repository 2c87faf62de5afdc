// Without this script every page works; with it, news of findings appears by itself.
"use strict";
(() => {
  const place = document.getElementById("news");
  if (!place || !document.querySelector("header") || !window.EventSource) return;
  let count = 0, source = null;
  const tell = (event) => {
    count += Number(event.data) || 0;
    if (!count) return;
    const link = document.createElement("a");
    link.href = "/findings";
    link.textContent = count === 1 ? "1 new record of a finding" : `${count} new records of findings`;
    place.replaceChildren(link);
  };
  const stop = () => { if (source) source.close(); source = null; };
  // Browsers open about six connections to one place: a tab that nobody sees must not keep one.
  const listen = () => {
    stop();
    if (document.hidden) return;
    source = new EventSource("/events");
    source.addEventListener("findings", tell);
  };
  document.addEventListener("visibilitychange", listen);
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", listen);
})();
