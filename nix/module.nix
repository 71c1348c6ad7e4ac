# NixOS module: services.nsched.node on every machine of the pool, services.nsched.scheduler on one or more.
#
# Three units. The guard holds the machine's place in the cluster: restarting it would end its tenure, so a
# changed configuration or version reloads it, and it replaces itself by execve. The daemon may be
# restarted at any time: what runs keeps running, as units of its own. The scheduler hands over to
# another one when it stops.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib)
    mkEnableOption
    mkIf
    mkMerge
    mkOption
    types
    ;

  cfg = config.services.nsched;
  format = pkgs.formats.json { };
  bin = lib.getExe cfg.package;

  roots = "/nix/var/nix/gcroots/nsched";

  settingsOption =
    file:
    mkOption {
      inherit (format) type;
      default = { };
      description = ''
        What goes into {file}`/etc/nsched/${file}`. `nsched config show` lists every setting and where its
        value comes from. No secrets belong here: the file is in the store, which everyone can read.
      '';
    };

  # checked refuses a configuration that nsched would refuse, when the system is built.
  checked =
    name: settings:
    let
      file = format.generate name settings;
    in
    if cfg.checkSettings then
      pkgs.runCommand "nsched-${name}" { } ''
        cp ${file} ${name}
        HOME=$TMPDIR ${bin} config check ${name}
        cp ${name} $out
      ''
    else
      file;

  nodeFile = checked "node.json" cfg.node.settings;
  schedulerFile = checked "scheduler.json" cfg.scheduler.settings;

  # What holds for all three. Go makes no memory both writable and executable. No UMask: units that run as
  # other users must reach the guard's socket and the shim.
  hardened = {
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    NoNewPrivileges = true;
    PrivateTmp = true;
    ProtectClock = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectSystem = "strict";
    RestrictAddressFamilies = [
      "AF_INET"
      "AF_INET6"
      "AF_NETLINK"
      "AF_UNIX"
    ];
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
  };

  # The guard and the daemon share state and sockets, so neither takes them away when it stops.
  shared = {
    Type = "notify";
    StateDirectory = "nsched";
    RuntimeDirectory = "nsched";
    RuntimeDirectoryMode = "0755";
    RuntimeDirectoryPreserve = true;
  };
in
{
  options.services.nsched = {
    package = mkOption {
      type = types.package;
      default = pkgs.nsched or (pkgs.callPackage ./package.nix { });
      defaultText = lib.literalExpression "pkgs.nsched";
      description = "The nsched to run.";
    };

    checkSettings = mkOption {
      type = types.bool;
      default = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
      defaultText = lib.literalMD "whether the machine that builds can run the package";
      description = "Run `nsched config check` over the settings when the system is built.";
    };

    node = {
      enable = mkEnableOption "this machine as a node of an nsched cluster";
      settings = settingsOption "node.json";
    };

    scheduler = {
      enable = mkEnableOption "an nsched scheduler; one of all leads";
      settings = settingsOption "scheduler.json";
    };
  };

  config = mkMerge [
    (mkIf (cfg.node.enable || cfg.scheduler.enable) {
      environment.systemPackages = [ cfg.package ];
    })

    (mkIf cfg.node.enable {
      environment.etc."nsched/node.json".source = nodeFile;

      # The garbage collector reads what is below gcroots; the daemon's sandbox lets it write here only.
      systemd.tmpfiles.rules = [ "d ${roots} 0755 root root -" ];

      # The memory that units reserve counts only as far as the slices above them pass it on.
      systemd.slices.nsched = {
        description = "units of nsched";
        sliceConfig.MemoryLow = "80%";
      };
      systemd.packages = [
        (pkgs.writeTextDir "lib/systemd/system/nsched-.slice.d/nsched.conf" ''
          [Slice]
          MemoryLow=80%
        '')
      ];

      systemd.services.nsched-guard = {
        description = "nsched guard: this machine's place in the cluster";
        documentation = [ "man:nsched(1)" ];
        wantedBy = [ "multi-user.target" ];
        # A restart of the reaper does not touch the guard.
        wants = [
          "network-online.target"
          "nsched-reaper.service"
          "nsched-units.target"
        ];
        after = [
          "network-online.target"
          "nsched-reaper.service"
        ];

        # Singletons are bound to this unit: a restart would stop every one of them.
        restartIfChanged = false;
        reloadIfChanged = true;
        reloadTriggers = [ nodeFile ];
        stopIfChanged = false;

        serviceConfig =
          hardened
          // shared
          // {
            ExecStart = "${bin} guard";
            # systemd has read the new unit when it reloads it, so this names the new version, which asks
            # the running one to become it: same PID, same lease, same tenure.
            ExecReload = "${bin} guard --upgrade ${bin}";
            Restart = "always";
            RestartSec = 1;
            # A guard whose loop hangs cannot answer for singletons: they end with it, and it comes back.
            WatchdogSec = 3;
            WatchdogSignal = "SIGKILL";
            # When the machine goes down it gives its place back, last of all.
            TimeoutStopSec = 30;
            # The lease depends on it being scheduled: before anything else on a machine under load.
            CPUWeight = 10000;
            IOWeight = 10000;
            OOMScoreAdjust = -999;
            # No ProtectControlGroups: fencing kills the processes of bound units by their cgroup.
          };
      };

      # It kills what the guard can no longer answer for, and asks neither the guard nor systemd nor etcd.
      systemd.services.nsched-reaper = {
        description = "nsched reaper: ends what the guard can no longer answer for";
        documentation = [ "man:nsched(1)" ];
        wantedBy = [ "multi-user.target" ];
        stopIfChanged = false;

        serviceConfig =
          hardened
          // removeAttrs shared [ "StateDirectory" ]
          // {
            ExecStart = "${bin} reaper";
            Restart = "always";
            RestartSec = 1;
            WatchdogSec = 10;
            WatchdogSignal = "SIGKILL";
            CPUWeight = 10000;
            IOWeight = 10000;
            OOMScoreAdjust = -999;
            PrivateNetwork = true;
            RestrictAddressFamilies = [ "AF_UNIX" ];
            CapabilityBoundingSet = [
              "CAP_KILL"
              "CAP_DAC_OVERRIDE"
            ];
          };
      };

      # An order and nothing else: what nsched starts comes after it, guard and daemon before it, so that units
      # end first when the machine goes down. A unit that came after the guard itself would keep a guard that
      # died from coming back until it has stopped.
      systemd.targets.nsched-units = {
        description = "nsched: what units come after";
        documentation = [ "man:nsched(1)" ];
        after = [
          "nsched-guard.service"
          "nsched-node.service"
        ];
      };

      systemd.services.nsched-node = {
        description = "nsched node daemon";
        documentation = [ "man:nsched(1)" ];
        wantedBy = [ "multi-user.target" ];
        wants = [
          "network-online.target"
          "nsched-guard.service"
          "nsched-units.target"
        ];
        after = [
          "network-online.target"
          "nsched-guard.service"
          "nix-daemon.socket"
        ];
        restartTriggers = [ nodeFile ];
        # Restarted in one go: while it is away nothing that runs notices, but nothing new starts.
        stopIfChanged = false;

        path = [
          config.nix.package
          config.systemd.package # journalctl
        ];
        environment = {
          # The store is Nix' daemon's to write, which needs no more of this unit than its socket.
          NIX_REMOTE = "daemon";
          # What Nix remembers of caches.
          XDG_CACHE_HOME = "/var/cache/nsched";
        };

        serviceConfig =
          hardened
          // shared
          // {
            ExecStart = "${bin} node";
            Restart = "always";
            RestartSec = 1;
            OOMScoreAdjust = -900;
            ProtectControlGroups = true;
            CacheDirectory = "nsched";
            ReadWritePaths = [ roots ];
          };
      };
    })

    (mkIf cfg.scheduler.enable {
      environment.etc."nsched/scheduler.json".source = schedulerFile;

      systemd.services.nsched-scheduler = {
        description = "nsched scheduler";
        documentation = [ "man:nsched(1)" ];
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [
          "network-online.target"
          "etcd.service"
        ];
        restartTriggers = [ schedulerFile ];
        stopIfChanged = false;

        # It runs as root without any of root's rights: it may read keys that root alone may read and
        # write its state, and nothing else sets it apart from nobody.
        serviceConfig =
          hardened
          // shared
          // {
            ExecStart = "${bin} scheduler";
            Restart = "always";
            RestartSec = 1;
            AmbientCapabilities = "";
            CapabilityBoundingSet = "";
            PrivateDevices = true;
            ProcSubset = "pid";
            ProtectControlGroups = true;
            ProtectProc = "invisible";
            RestrictNamespaces = true;
            SystemCallFilter = [
              "@system-service"
              "~@privileged @resources"
            ];
            SystemCallErrorNumber = "EPERM";
            UMask = "0077";
          };
      };
    })
  ];
}
