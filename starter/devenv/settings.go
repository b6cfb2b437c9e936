package devenv

import (
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/temporal"
)

const (
	// historyShards can never change for a database. Sixteen is the fastest of those measured on two cores, and leaves
	// room for more.
	historyShards = 16
	// unthrottled stands for the rates by which a server protects itself from strangers; here all callers are ours.
	unthrottled = 100_000
	// cachedWorkflows bounds the memory for workflows that are kept loaded; the server's default is 128,000.
	cachedWorkflows = 10_000
	// cachedEventBytes bounds the memory for their events; the server's default is 128 MiB.
	cachedEventBytes = 32 << 20

	clusterName = "active"
	disabled    = "disabled"
)

// serverConfig is the static configuration.
func serverConfig(stores databases, ports []int) *config.Config {
	const main, visibility = "main", "visibility"
	services := map[string]config.Service{}
	frontend := ""
	for i, name := range temporal.DefaultServices {
		services[name] = config.Service{RPC: config.RPC{GRPCPort: ports[i], BindOnIP: loopback}}
		if name == "frontend" {
			frontend = hostPort(ports[i])
		}
	}
	return &config.Config{
		Services: services,
		Persistence: config.Persistence{
			DefaultStore:     main,
			VisibilityStore:  visibility,
			NumHistoryShards: historyShards,
			DataStores: map[string]config.DataStore{
				main:       {SQL: stores.main.config()},
				visibility: {SQL: stores.visibility.config()},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: frontend},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: disabled},
			Visibility: config.VisibilityArchival{State: disabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: disabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: disabled},
		}},
	}
}

// dynamicSettings are those that differ from the server's defaults.
func dynamicSettings() dynamicconfig.Client {
	return dynamicconfig.StaticClient{
		dynamicconfig.MatchingEnableFairness.Key(): true, // between workspaces

		// One partition a task queue: on one machine more of them spread no load, and rates and fairness, which hold
		// for each partition, would hold only roughly.
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,

		dynamicconfig.FrontendRPS.Key():                                         unthrottled,
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():                  unthrottled,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key():        unthrottled,
		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(): unthrottled,
		dynamicconfig.HistoryRPS.Key():                                          unthrottled,
		dynamicconfig.MatchingRPS.Key():                                         unthrottled,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():                           unthrottled,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                            unthrottled,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():                           unthrottled,
		dynamicconfig.WorkerPersistenceMaxQPS.Key():                             unthrottled,

		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():     cachedWorkflows,
		dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key(): cachedEventBytes,

		dynamicconfig.EnableServerVersionCheck.Key(): false, // it would call home
	}
}
