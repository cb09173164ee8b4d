// Comforts for the sign-on pages. Everything works without this file.
(function () {
  "use strict";

  // Send an answer on to the application.
  var send = document.querySelector("form[data-send]");
  if (send) send.submit();

  // Show or hide one password.
  function show(button, on) {
    document.getElementById(button.getAttribute("aria-controls")).type = on ? "text" : "password";
    button.setAttribute("aria-pressed", String(on));
  }

  document.querySelectorAll("button.reveal").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      show(button, button.getAttribute("aria-pressed") !== "true");
    });
  });

  // Say when Caps Lock is on. Browsers that fill a form send key events without a state.
  document.querySelectorAll("input[type=password]").forEach(function (field) {
    var hint = field.parentNode.querySelector(".caps");
    function look(event) {
      if (!event.getModifierState) return;
      var text = event.getModifierState("CapsLock") ? "Caps Lock is on" : "";
      if (hint.textContent !== text) hint.textContent = text;
    }
    field.addEventListener("keydown", look);
    field.addEventListener("keyup", look);
    field.addEventListener("blur", function () { hint.textContent = ""; });
  });

  // One press, one request: a double click must not count as two wrong passwords.
  // A shown password is hidden first, so that the browser doesn't keep it as text.
  document.querySelectorAll("form").forEach(function (form) {
    var sent = 0;
    form.addEventListener("submit", function (event) {
      if (Date.now() - sent < 2000) return event.preventDefault();
      sent = Date.now();
      form.querySelectorAll("button.reveal").forEach(function (button) { show(button, false); });
    });
    window.addEventListener("pageshow", function () { sent = 0; });
  });
})();
